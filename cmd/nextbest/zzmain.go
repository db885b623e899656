package main
import ("context";"os")
func main(){ c:=simulateCommand(); if err:=c.ExecuteContext(context.Background()); err!=nil {os.Exit(1)} }
