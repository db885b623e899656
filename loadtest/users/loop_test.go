package users

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/internal/redistest"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

const loopFile = "../loops/loadtest.yaml"

func loadtestLoop(t *testing.T) *learn.Definition {
	t.Helper()
	file, err := os.ReadFile(loopFile)
	if err != nil {
		t.Fatal(err)
	}
	def, err := loop.Compile(loopFile, file)
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func sortedNames(fields []features.Field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	slices.Sort(names)
	return names
}

// The loop under load reads every feature that the users have, and no other.
func TestTheLoopDeclaresTheUsers(t *testing.T) {
	want := Names()
	slices.Sort(want)
	if diff := cmp.Diff(want, sortedNames(loadtestLoop(t).Loop.Schema.User)); diff != "" {
		t.Errorf("features of users (-users.go +%s):\n%s", loopFile, diff)
	}
}

// What the scenario sends is what the loop declares; the loop refuses anything else.
func TestTheLoopDeclaresTheContext(t *testing.T) {
	script, err := os.ReadFile("../scenario.js")
	if err != nil {
		t.Fatal(err)
	}
	body := regexp.MustCompile(`(?s)export function context\(\) \{\n  return \{\n(.*?)\n  \};`).FindSubmatch(script)
	if body == nil {
		t.Fatal("scenario.js has no function context of the known form")
	}
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^    (\w+):`).FindAllSubmatch(body[1], -1) {
		want = append(want, string(m[1]))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, sortedNames(loadtestLoop(t).Loop.Schema.Context)); diff != "" {
		t.Errorf("features of requests (-scenario.js +%s):\n%s", loopFile, diff)
	}
}

func TestFillWritesHashesAsAnyPipelineWould(t *testing.T) {
	server := redistest.Start(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close()
	ctx := t.Context()
	const n = batch + 17 // more than one pipeline, and not a multiple
	stale := Key(ID(3))
	if err := client.HSet(ctx, stale, "left_over", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := Fill(ctx, client, 1, n); err != nil {
		t.Fatal(err)
	}
	if size := client.DBSize(ctx).Val(); size != n {
		t.Errorf("%d keys, want %d", size, n)
	}
	for _, i := range []int{0, 3, batch - 1, batch, n - 1} {
		got, err := client.HGetAll(ctx, fmt.Sprintf("nb:u:{u-%06d}", i)).Result()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(asMap(t, Hash(1, i)), got); diff != "" {
			t.Errorf("user %d (-want +got):\n%s", i, diff)
		}
	}
}
