package features

import (
	"os"
	"testing"
	"time"
)

func TestMayUseAnything(t *testing.T) { t.Log(os.Args, time.Now()) }
