package eventlog

// children are the programs that tests run in a process of their own, by name.
var children = map[string]func(dir string) error{}
