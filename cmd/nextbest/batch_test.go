package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/nextbest/nextbest/batch"
	"github.com/nextbest/nextbest/internal/redistest"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// again starts a service that was killed, where it was.
func (s *service) again() {
	s.t.Helper()
	args := s.process.Args
	s.process = exec.Command(args[0], args[1:]...)
	s.process.Stdout, s.process.Stderr = s.log, s.log
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.awaitReady()
}

// background starts a command. done returns how it ended.
func background(t *testing.T, program string, args ...string) (cmd *exec.Cmd, output *bytes.Buffer, done func() error) {
	t.Helper()
	cmd, output = exec.Command(program, args...), &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return cmd, output, func() error {
		select {
		case err := <-ended:
			return err
		case <-time.After(3 * time.Minute):
			_ = cmd.Process.Kill()
			return fmt.Errorf("it does not end:\n%s", output)
		}
	}
}

// awaitPart waits for a part of a plan to be whole.
func awaitPart(t *testing.T, plan string, n int) {
	t.Helper()
	want := fmt.Sprintf(`"parts":%d`, n)
	for range 6000 {
		if b, err := os.ReadFile(filepath.Join(plan+".parts", "manifest.json")); err == nil && strings.Contains(string(b), want) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("part %d does not come", n)
}

// fillRedis gives users features, as a pipeline of somebody else's would.
func fillRedis(t *testing.T, r *redistest.Server, n int) {
	t.Helper()
	conn, err := net.Dial("tcp", r.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "HSET nb:u:{u-%05d} recency %d history %d channel Web\r\n", i, i%12+1, i%900)
	}
	go func() { _, _ = conn.Write(b.Bytes()) }()
	for replies, buffer := 0, make([]byte, 1<<16); replies < n; {
		k, err := conn.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		replies += bytes.Count(buffer[:k], []byte{'\n'})
	}
}

func usersCSV(t *testing.T, n int, more ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.csv")
	var b strings.Builder
	b.WriteString("user_id\n")
	for i := range n {
		fmt.Fprintf(&b, "u-%05d\n", i)
	}
	for _, line := range more {
		b.WriteString(line + "\n")
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The client is killed in the middle, and then the service, with kill -9. The same command goes on: every user is in the plan once
// and in the log once, and what was decided before is what the plan says.
func TestABatchSurvivesKills(t *testing.T) {
	const users = 2*rowsPerPart + 15_000
	redis := redistest.Start(t)
	fillRedis(t, redis, users)
	program := binary(t, "")
	s := start(t, program, t.TempDir(), "--redis", redis.URL())
	out := filepath.Join(t.TempDir(), "plan.parquet")
	args := []string{"batch", "--loop", "email-campaign", "--campaign", "spring", "--in", usersCSV(t, users), "--out", out, "--grpc", s.grpc, "--json"}

	client, _, done := background(t, program, args...)
	awaitPart(t, out, 1)
	_ = client.Process.Kill()
	_ = done()
	first, err := parquet.ReadFile[batch.Decided](filepath.Join(out+".parts", "000001.parquet"))
	if err != nil || len(first) != rowsPerPart {
		t.Fatalf("the first part has %d rows: %v", len(first), err)
	}
	if _, stderr, status := command(t, program, append(slices.Clone(args), "--campaign", "summer")...); status != exitFailed || !strings.Contains(stderr, "--restart") {
		t.Errorf("another campaign with the parts there: status %d, %s", status, stderr)
	}

	_, output, done := background(t, program, args...)
	awaitPart(t, out, 2)
	s.kill()
	time.Sleep(300 * time.Millisecond)
	s.again()
	if err := done(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	var sum batchSummary
	lines := strings.Split(strings.TrimSpace(output.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	if sum.Rows != users || sum.Decided != users || sum.Errors != 0 || sum.FromBefore < rowsPerPart || len(sum.Fallbacks) != 0 {
		t.Errorf("summary %+v", sum)
	}

	plan, err := parquet.ReadFile[batch.Decided](out)
	if err != nil || len(plan) != users {
		t.Fatalf("%d rows, %v", len(plan), err)
	}
	for i, d := range plan {
		if user := fmt.Sprintf("u-%05d", i); d.Row != int64(i+1) || d.UserID != user || d.EventID != "spring:"+user || d.ActionID == "" || d.Probability <= 0 {
			t.Fatalf("row %d: %+v", i+1, d)
		}
		if i < len(first) && d != first[i] {
			t.Fatalf("row %d was %+v, and is %+v", i+1, first[i], d)
		}
	}
	for i := 0; i < users; i += 997 {
		d := plan[i]
		answer, err := s.Rank(t.Context(), &nextbestv1.RankRequest{Loop: "email-campaign", EventId: d.EventID, UserId: d.UserID})
		if err != nil {
			t.Fatal(err)
		}
		if answer.GetRewardActionId() != d.ActionID || answer.GetRanking()[0].GetProbability() != d.Probability || answer.GetSnapshotId() != d.SnapshotID {
			t.Errorf("row %d is %+v, and the log has %v", i+1, d, answer)
		}
	}
	// Nobody is in the log twice, and nobody is missing.
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		loop, err := s.loops.GetLoop(t.Context(), &nextbestv1.GetLoopRequest{Loop: "email-campaign"})
		if err != nil {
			t.Fatal(err)
		}
		if loop.GetLearner().GetLagRecords() == 0 && loop.GetDecisions() >= users || time.Now().After(deadline) {
			if loop.GetDecisions() != users {
				t.Errorf("%d decisions for %d users", loop.GetDecisions(), users)
			}
			break
		}
	}
}

// What is wrong with a row is in the plan; the run goes on, and --strict and --max-errors have their say. Who is there twice
// has one decision.
func TestABatchWithBadRows(t *testing.T) {
	program := binary(t, "")
	s := start(t, program, t.TempDir())
	in := usersCSV(t, 10, "u-00003", `"open`, "a,b", "", strings.Repeat("y", 300), "u-\xff", "last")
	dir := t.TempDir()
	args := []string{"batch", "--loop", "email-campaign", "--campaign", "spring", "--in", in, "--grpc", s.grpc, "--json"}
	stdout, stderr, status := command(t, program, append(slices.Clone(args), "--out", filepath.Join(dir, "plan.ndjson"))...)
	if status != exitDone {
		t.Fatalf("status %d: %s", status, stderr)
	}
	var sum batchSummary
	if err := json.Unmarshal([]byte(stdout), &sum); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	if sum.Rows != 16 || sum.Decided != 12 || sum.Errors != 4 || sum.Reasons["ROW"] != 3 || sum.Reasons["INVALID_FIELD"] != 1 {
		t.Errorf("summary %+v", sum)
	}
	b, err := os.ReadFile(filepath.Join(dir, "plan.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []batch.Decided
	for line := range strings.Lines(string(b)) {
		var d batch.Decided
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, d)
	}
	if len(rows) != 16 || rows[15].UserID != "last" || rows[15].ActionID == "" {
		t.Fatalf("%d rows:\n%s", len(rows), b)
	}
	twice := rows[10]
	if twice.Row = 4; twice != rows[3] {
		t.Errorf("who is there twice has %+v and %+v", rows[3], twice)
	}
	if loop, err := s.loops.GetLoop(t.Context(), &nextbestv1.GetLoopRequest{Loop: "email-campaign"}); err != nil || loop.GetDecisions() > 11 {
		t.Errorf("%d decisions, %v", loop.GetDecisions(), err)
	}
	for flag, want := range map[string]int{"--strict": exitFailed, "--max-errors=3": exitFailed, "--max-errors=4": exitDone} {
		if _, stderr, status := command(t, program, append(slices.Clone(args), "--out", filepath.Join(dir, strings.Trim(flag, "-")+".csv"), flag)...); status != want {
			t.Errorf("%s: status %d: %s", flag, status, stderr)
		}
	}
	if _, stderr, status := command(t, program, append(slices.Clone(args), "--out", filepath.Join(dir, "x.csv"), "--latest", "2030-01-01T00:00:00Z")...); status != exitUsage {
		t.Errorf("send times of a loop that has none: status %d: %s", status, stderr)
	}
}

// The page's file and command give the plan that the page describes.
func TestTheBatchesPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "batch.md"))
	if err != nil {
		t.Fatal(err)
	}
	csv := regexp.MustCompile("(?s)```csv\n(.*?)```").FindSubmatch(page)
	lines := shell(t, "batch.md")
	if csv == nil || len(lines) != 1 {
		t.Fatalf("no file, or %d commands", len(lines))
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "users.csv"), filepath.Join(dir, "plan.parquet")
	if err := os.WriteFile(in, csv[1], 0o600); err != nil {
		t.Fatal(err)
	}
	program := binary(t, "")
	s := start(t, program, t.TempDir())
	args := strings.Fields(strings.NewReplacer("users.csv", in, "plan.parquet", out).Replace(lines[0]))[1:]
	if _, stderr, status := command(t, program, append(args, "--grpc", s.grpc)...); status != exitDone {
		t.Fatalf("status %d: %s", status, stderr)
	}
	plan, err := parquet.ReadFile[batch.Decided](out)
	if err != nil || len(plan) != 2 || plan[1].EventID != "spring:u-2" || plan[0].ActionID == "" {
		t.Errorf("%+v, %v", plan, err)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	for _, c := range file.Schema().Fields() {
		columns = append(columns, c.Name())
	}
	if words := strings.Join(strings.Fields(string(page)), " "); !strings.Contains(words, strings.Join(columns, ", ")) {
		t.Errorf("the page does not name the columns %s", strings.Join(columns, ", "))
	}
}
