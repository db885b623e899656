package batch

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func usersFile(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	b := []byte(text)
	if strings.HasSuffix(name, ".gz") {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		_, err := w.Write(b)
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		b = z.Bytes()
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// told is a row in a few words.
func told(u User) string {
	if u.Err != nil {
		return "error: " + u.Err.Error()
	}
	s := u.UserID
	for _, name := range []string{"a", "b"} {
		if v := u.Context[name]; v != nil {
			s += fmt.Sprintf(" %s=%v", name, v.AsInterface())
		}
	}
	return s
}

func readAll(t *testing.T, path string) []string {
	t.Helper()
	r, err := OpenRows(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []string
	for row := int64(1); ; row++ {
		u, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.Row != row {
			t.Fatalf("row %d is called %d", row, u.Row)
		}
		all = append(all, told(u))
	}
}

// Garbage in a row is that row's error, and the rows after it are read.
func TestGarbage(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	cases := map[string]struct {
		text string
		want []string // a prefix of each
	}{
		"plain":           {"user_id,context.a\nu1,5\nu2,red\nu3,\n", []string{"u1 a=5", "u2 a=red", "u3"}},
		"byte order mark": {"\ufeffuser_id\nu1\n", []string{"u1"}},
		"mark and no end": {"\ufeffuser_id\nu1", []string{"u1"}},
		"CR LF":           {"user_id,context.a\r\nu1,true\r\n\r\nu2,x\r\n", []string{"u1 a=true", "u2 a=x"}},
		"ragged":          {"user_id,context.a\nu1\nu2,2,3\nu3,3\n", []string{"error: line 2: has 1 fields, the header 2", "error: line 3: has 3 fields", "u3 a=3"}},
		"empty user":      {"user_id,context.a\n,1\nu2,2\n", []string{"error: column user_id: is empty", "u2 a=2"}},
		"not UTF-8":       {"user_id\nu\xff1\nu2\n", []string{"error: column user_id: is not UTF-8", "u2"}},
		"not a number":    {"user_id,context.a:number\nu1,NaN\nu2,Inf\nu3,1e400\nu4,4\n", []string{"error: column context.a: \"NaN\" is no finite number", "error: ", "error: ", "u4 a=4"}},
		"NaN as a text":   {"user_id,context.a\nu1,NaN\n", []string{"u1 a=NaN"}},
		"quoted":          {"user_id,context.a\nu1,\"a \"\"b\"\", c\"\nu2,\"two\nlines\"\nu3,3\n", []string{"u1 a=a \"b\", c", "u2 a=two\nlines", "u3 a=3"}},
		"stray quote":     {"user_id,context.a\nu1,\"open\nu2,2\nu3,3\n", []string{"error: line 2: a quote is not closed", "u2 a=2", "u3 a=3"}},
		"two stray quotes": {"user_id,context.a\nu1,5\" tall\nu2,2\nu3,6\" tall\nu4,4\n",
			[]string{"error: line 2: bare", "u2 a=2", "error: line 4: ", "u4 a=4"}},
		"after a quote":  {"user_id,context.a\nu1,\"x\"y\nu2,2\n", []string{"error: line 2: ", "u2 a=2"}},
		"quote then end": {"user_id\nu1\n\"", []string{"u1", "error: line 3: a quote is not closed"}},
		"a long field":   {"user_id,context.a\nu1," + long + "\nu2,2\n", []string{"error: line 2: has more than 262144 bytes", "u2 a=2"}},
		"a longish one":  {"user_id,context.a\nu1," + long[:100_000] + "\nu2,2\n", []string{"error: column context.a: has 100000 bytes", "u2 a=2"}},
		"a long quoted one": {"user_id,context.a\nu1,\"" + strings.Repeat("x\n", 1<<19) + "\"\nu2,2\n",
			[]string{"error: line 2: a quote is not closed", "error: line 3: has 1 fields"}},
		"nothing else": {"user_id\n", nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := readAll(t, usersFile(t, "users.csv", c.text))
			if name == "a long quoted one" {
				if last := got[len(got)-1]; last != "u2 a=2" {
					t.Errorf("the last row is %q", last)
				}
				got = got[:2]
			}
			if len(got) != len(c.want) {
				t.Fatalf("%d rows: %.300q", len(got), got)
			}
			for i := range got {
				if exact := !strings.HasPrefix(c.want[i], "error"); exact && got[i] != c.want[i] || !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("row %d is %q, want %q", i+1, got[i], c.want[i])
				}
			}
		})
	}
}

func TestHeadersThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "is empty",
		"name\nx\n":                    "\"name\" is none of",
		"context.a\n1\n":               "has no column user_id",
		"user_id,user_id\n":            "is there twice",
		"user_id,context.a:colour\n":   ":text, :number or :boolean",
		"\"user_id\nu1\n":              "a quote is not closed",
		strings.Repeat("x", 1<<20):     "has more than",
		"user_id,context.a,context.\n": "is none of",
	} {
		if _, err := OpenRows(usersFile(t, "users.csv", text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
	if _, err := OpenRows(usersFile(t, "users.csv", "user_id\n")[:3]); err == nil {
		t.Error("no file")
	}
}

// Skip passes over the very rows that Next returns, whatever is wrong with them.
func TestSkipIsNext(t *testing.T) {
	text := "user_id,context.a\nu1,\"open\nu2,2\n\nu3\nu4,5\" x\nu5,\"two\nlines\"\nu6,6\" x\nu7,7\n"
	for _, name := range []string{"users.csv", "users.csv.gz"} {
		path := usersFile(t, name, text)
		all := readAll(t, path)
		for n := range len(all) + 1 {
			r, err := OpenRows(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Skip(int64(n)); err != nil {
				t.Fatal(err)
			}
			u, err := r.Next()
			switch {
			case n == len(all) && !errors.Is(err, io.EOF):
				t.Errorf("%s: after all rows: %v, %v", name, u, err)
			case n < len(all) && (told(u) != all[n] || u.Row != int64(n+1)):
				t.Errorf("%s: after %d rows: %q, want %q", name, n, told(u), all[n])
			}
			if err := r.Skip(1 << 20); err == nil {
				t.Error("rows were passed over that are not there")
			}
			_ = r.Close()
		}
	}
}

// A file of one open quote per line, and one whose only quote is at its beginning, take memory for a row and time for a file.
func TestQuotesTakeNoMemory(t *testing.T) {
	for name, line := range map[string]string{"each line": "u,\"\n", "the first": "u,1\n"} {
		text := "user_id,context.a\nu,\"\n" + strings.Repeat(line, 4<<20/len(line))
		path := usersFile(t, "users.csv", text)
		r, err := OpenRows(path)
		if err != nil {
			t.Fatal(err)
		}
		text = ""
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rows, peak := 0, uint64(0)
		for _, err = r.Next(); err == nil; _, err = r.Next() {
			if rows++; rows%100_000 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&after)
				peak = max(peak, after.HeapAlloc)
			}
		}
		if !errors.Is(err, io.EOF) || rows < 100_000 {
			t.Errorf("%s: %d rows, %v", name, rows, err)
		}
		if peak > before.HeapAlloc+16<<20 {
			t.Errorf("%s: the heap grew from %d to %d bytes", name, before.HeapAlloc, peak)
		}
		_ = r.Close()
	}
}

func FuzzRows(f *testing.F) {
	f.Add("u1,\"open\nu2,2\nu3,\"\"\"\"\n")
	f.Add("u1,1\r\n\"u2\",\"x\ny\"\n,,\n")
	f.Fuzz(func(t *testing.T, text string) {
		records := newRecords(strings.NewReader("user_id,context.a\n" + text))
		if _, _, err := records.next(); err != nil {
			t.Fatal(err)
		}
		records.width = 2
		n := 0
		for {
			fields, _, err := records.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil && !errors.As(err, new(rowError)) || err == nil && len(fields) != 2 {
				t.Fatalf("%q: %v", fields, err)
			}
			n++
		}
		if lines := strings.Count(text, "\n") + 1; n > lines {
			t.Fatalf("%d records in %d lines", n, lines)
		}
	})
}
