//go:build linux

package eventlog

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// plug is a file system of its own on a loop device that can lose its power.
type plug struct {
	t           *testing.T
	image, root string
}

// newPlug makes an ext4 file system and mounts it, or skips the test.
func newPlug(t *testing.T) *plug {
	if !soak() {
		t.Skip("NEXTBEST_SOAK=1 runs it")
	}
	if os.Geteuid() != 0 {
		t.Skip("mounting a file system takes root")
	}
	mkfs, err := exec.LookPath("mkfs.ext4")
	if err != nil {
		t.Skip("mkfs.ext4 is not installed")
	}
	p := &plug{t: t, image: filepath.Join(t.TempDir(), "image"), root: t.TempDir()}
	if err := os.WriteFile(p.image, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(p.image, 256<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(mkfs, "-q", "-F", p.image).CombinedOutput(); err != nil {
		t.Skipf("mkfs.ext4: %v: %s", err, out)
	}
	if out, err := exec.Command("mount", "-o", "loop", p.image, p.root).CombinedOutput(); err != nil {
		t.Skipf("a loop device cannot be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", p.root).Run() })
	return p
}

// pull takes the power away: nothing that is not on the disk by now gets there, the journal included.
func (p *plug) pull() {
	const shutdown, noLogFlush = 0x8004587d, 2
	f, err := os.Open(p.root)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, noLogFlush); err != nil {
		p.t.Skipf("the file system cannot be shut down: %v", err)
	}
}

// restore mounts the file system again, which replays its journal.
func (p *plug) restore() {
	for _, c := range [][]string{{"umount", p.root}, {"mount", "-o", "loop", p.image, p.root}} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			p.t.Fatalf("%v: %v: %s", c, err, out)
		}
	}
}

// unplugged runs a child until the plug is pulled and returns what it acknowledged.
func (p *plug) unplugged(child, dir string, after time.Duration) []ack {
	c, out, _ := startChild(p.t, child, dir)
	pulled := make(chan struct{})
	go func() {
		defer close(pulled)
		time.Sleep(after)
		p.pull()
		_ = c.Process.Kill()
	}()
	var acks []ack
	for out.Scan() {
		if a, whole := parseAck(p.t, out.Text()); whole {
			acks = append(acks, a)
		}
	}
	<-pulled
	_ = c.Wait() // It was killed, or could not write any more.
	p.restore()
	return acks
}

// onDisk returns the records acknowledged as being on the disk.
func onDisk(acks []ack) []ack {
	return slices.DeleteFunc(acks, func(a ack) bool { return !a.fsync })
}

func TestPowerLossTakesNothingSynced(t *testing.T) {
	p := newPlug(t)
	rng := rand.New(rand.NewPCG(21, 22))
	acked := 0
	for k := range 40 {
		dir := filepath.Join(p.root, "log")
		acks := p.unplugged("append", dir, time.Duration(30+rng.IntN(150))*time.Millisecond)
		var highest Position
		for _, a := range acks {
			highest = max(highest, a.pos)
		}
		synced := onDisk(acks)
		acked += len(synced)
		l, r := mustOpen(t, dir, Options{})
		if r.Next <= highest {
			t.Fatalf("plug %d: position %d is given again, %d was acknowledged", k, r.Next, highest)
		}
		mustClose(t, l)
		if lost := missing(t, dir, synced); lost > 0 {
			t.Fatalf("plug %d: %d of %d records acknowledged as synced are lost; %+v", k, lost, len(synced), r)
		}
		if k%10 == 9 {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("40 plugs, %d records acknowledged as synced, 0 lost", acked)
}

// The planted bug, an acknowledgement without fdatasync, is caught by the same check.
func TestThePowerLossTestCatchesALie(t *testing.T) {
	p := newPlug(t)
	lost := slices.ContainsFunc(make([]int, 10), func(int) bool {
		dir := filepath.Join(p.root, "log")
		acks := onDisk(p.unplugged("append deaf", dir, 100*time.Millisecond))
		if _, err := os.Stat(dir); err != nil {
			return len(acks) > 0
		}
		return missing(t, dir, acks) > 0
	})
	if !lost {
		t.Fatal("ten power losses without fdatasync lost nothing")
	}
}
