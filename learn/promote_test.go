package learn

import (
	"bytes"
	"errors"
	"math"
	"path/filepath"
	"testing"
	"time"
)

// challenge returns the shop's file as a challenger with the same learning would have it.
func challenge(note string) *Definition {
	f := shop()
	f.Note = note
	return must(compileFile("challengers/shop/"+note, f.bytes()))
}

func inForce(t *testing.T, l *Learner, want *Definition) Standing {
	t.Helper()
	s, ok := l.Standing("shop")
	if !ok || !bytes.Equal(s.Definition.File, want.File) {
		t.Fatalf("in force is %s, want %s", s.Definition.File, want.File)
	}
	return s
}

func promote(t *testing.T, l *Learner, d *Definition, name string) *Promotion {
	t.Helper()
	s, _ := l.Standing("shop")
	p, err := l.Promote(t.Context(), d, Promotion{
		Challenger: name, Gain: 0.5, Lower: 0.25, Upper: math.Inf(1), Events: 1234, Actor: "ann", Reason: "because", Forced: true,
		DisplacedSHA256: s.Definition.SHA256,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.AwaitServed(t.Context(), "shop", p); err != nil {
		t.Fatal(err)
	}
	return p
}

// A promotion keeps what was learned, stands after restarts with and without a checkpoint and against the same file from the
// directory, and ends with another file or when it is taken back. The log of all this replays.
func TestPromotionStandsUntilTakenBackOrAnotherFile(t *testing.T) {
	dir := t.TempDir()
	log := openLog(t, dir)
	o := Options{Dir: filepath.Join(dir, "learner"), PublishEvery: 10 * time.Millisecond}
	l := startLearner(t, NewEventLog(log), o)
	own, bold, third := must(compileFile("shop", shop().bytes())), challenge("bold"), challenge("third")
	put(t, l, shop())
	play(t, l, log, "shop", 0, 60)
	eventually(t, "60 events are in the model", func() bool { s, _ := l.Current("shop"); return s.Model.Events() == 60 })
	p := promote(t, l, bold, "bold")
	if s, _ := l.Current("shop"); s.Model.Events() != 60 {
		t.Errorf("%d of 60 events are left", s.Model.Events())
	}
	for restart, o := range []Options{o, o, {PublishEvery: o.PublishEvery}} {
		put(t, l, shop()) // As at every start.
		s := inForce(t, l, bold)
		if !bytes.Equal(s.Base.File, own.File) || !bytes.Equal(s.Displaced.File, own.File) {
			t.Errorf("restart %d: %+v", restart, s)
		}
		if got := *s.Promotion; !got.Time.Equal(p.Time) || got.Position != p.Position || got.Lower != 0.25 || !math.IsInf(got.Upper, 1) ||
			got.Actor != "ann" || !got.Forced || got.DisplacedSHA256 != own.SHA256 {
			t.Errorf("restart %d: %+v", restart, got)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = startLearner(t, NewEventLog(log), o)
	}
	promote(t, l, third, "third")
	if s := inForce(t, l, third); !bytes.Equal(s.Displaced.File, bold.File) || !bytes.Equal(s.Base.File, own.File) {
		t.Errorf("after the second: %+v", s)
	}
	if _, err := l.TakeBack(t.Context(), "shop", Promotion{Challenger: "bold", DisplacedSHA256: third.SHA256}); !errors.Is(err, ErrNotPromoted) {
		t.Errorf("taking back another: %v", err)
	}
	if _, err := l.TakeBack(t.Context(), "shop", Promotion{Challenger: "third", DisplacedSHA256: third.SHA256}); err != nil {
		t.Fatal(err)
	}
	if s := inForce(t, l, bold); s.Promotion != nil || !bytes.Equal(s.Base.File, own.File) {
		t.Errorf("taken back: %+v", s)
	}
	put(t, l, shop())
	inForce(t, l, bold)
	noted := shop()
	noted.Note = "changed on disk"
	put(t, l, noted)
	if s := inForce(t, l, must(compileFile("shop", noted.bytes()))); !s.plain() {
		t.Errorf("after another file: %+v", s)
	}
	l.Close()
	report, err := Replay(t.Context(), NewSource(log.Log()), compileFile, ReplayOptions{})
	if err != nil || report.Different != 0 || report.Decisions != 60 {
		t.Errorf("replay: %v, %+v", err, report)
	}
}

// What is promoted has been compared with one file: when another has come into force, nothing changes.
func TestPromotionOverAnotherFileIsRefused(t *testing.T) {
	log := openLog(t, t.TempDir())
	l := startLearner(t, NewEventLog(log), Options{PublishEvery: 10 * time.Millisecond})
	put(t, l, shop())
	end := log.End()
	for _, sha := range []string{"", challenge("other").SHA256} {
		if _, err := l.Promote(t.Context(), challenge("bold"), Promotion{Challenger: "bold", DisplacedSHA256: sha}); !errors.Is(err, ErrNotInForce) {
			t.Errorf("%v", err)
		}
	}
	if log.End() != end {
		t.Error("a refused promotion is in the log")
	}
}

// A challenger that learns otherwise has the log folded again under it, and the standing survives that.
func TestPromotionOfOtherFeatures(t *testing.T) {
	log := openLog(t, t.TempDir())
	l := startLearner(t, NewEventLog(log), Options{PublishEvery: 10 * time.Millisecond})
	put(t, l, shop())
	play(t, l, log, "shop", 0, 40)
	wider := shop()
	wider.Numbers = []string{"hour", "late"}
	d := must(compileFile("challengers/shop/wider", wider.bytes()))
	promote(t, l, d, "wider")
	s := inForce(t, l, d)
	if s.Promotion == nil || !bytes.Equal(s.Base.File, shop().bytes()) {
		t.Errorf("%+v", s)
	}
	eventually(t, "40 events are in the model", func() bool { s, _ := l.Current("shop"); return s.Model.Events() == 40 })
}
