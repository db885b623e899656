package loop_test

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/nextbest/nextbest/loop"
)

const page = "../docs/loop-files.md"

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var update = flag.Bool("update", false, "write generated and golden files instead of comparing with them")

// TestGeneratedFilesAreFresh compares what is made from the table of keys with what is checked in. With -update, which
// is how go generate runs it, it writes them.
func TestGeneratedFilesAreFresh(t *testing.T) {
	for path, made := range map[string]func() ([]byte, error){
		"schema.json": loop.SchemaJSON, "schema-guardrails.json": loop.GuardrailSchemaJSON, "schema-brand.json": loop.BrandSchemaJSON,
	} {
		schema, err := made()
		if err != nil {
			t.Fatal(err)
		}
		fresh(t, path, schema)
	}
	text, err := loop.InsertReference([]byte(readFile(t, page)))
	if err != nil {
		t.Fatal(err)
	}
	fresh(t, page, text)
}

func fresh(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if readFile(t, path) != string(want) {
		t.Errorf("%s is stale: run go generate ./loop", path)
	}
}

// TestExamplesOfThePage: each example of the reference page is right.
func TestExamplesOfThePage(t *testing.T) {
	for _, text := range examples(t) {
		name := regexp.MustCompile(`(?m)^name: (.*)$`).FindStringSubmatch(text)[1]
		if got := messagesOf(t, name+".yaml", text); got != nil {
			t.Errorf("the example %s: %s", name, strings.Join(got, "; "))
		}
	}
}

func examples(t testing.TB) []string {
	t.Helper()
	var texts []string
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(readFile(t, page), -1) {
		texts = append(texts, m[1])
	}
	if len(texts) < 3 {
		t.Fatalf("the page has %d examples", len(texts))
	}
	return texts
}

// resolved returns the schema as editors read it: from the file.
func resolved(t testing.TB) *jsonschema.Resolved {
	t.Helper()
	var s jsonschema.Schema
	if err := json.Unmarshal([]byte(readFile(t, "schema.json")), &s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// asJSON reads YAML as an editor's language server does, before it validates.
func asJSON(text string) (any, error) {
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		return nil, err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	return out, json.Unmarshal(b, &out)
}

func TestSchemaAcceptsWhatIsRight(t *testing.T) {
	r := resolved(t)
	texts := append(examples(t), smallest, everything)
	for _, d := range shipped(t) {
		texts = append(texts, string(d.File))
	}
	for _, text := range texts {
		v, err := asJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Validate(v); err != nil {
			t.Errorf("%s\nis refused by the schema: %v", text, err)
		}
	}
}

// beyondSchema are the cases of testdata/problems.txt that only Compile finds: they are of the writing, or compare two
// places of a file, or bound a duration.
var beyondSchema = []string{
	"another name", "keys given twice, all told", "an anchor", "a merge", "a tag", "a directive is no start of a loop file", "a complex key",
	"two documents", "ids given twice", "an action against its declaration", "an undeclared feature under reject", "defaults of other types",
	"reserved names", "a window too long", "a window far too long", "a range upside down", "a range of nothing",
	"a default outside of the range", "the default's default outside of the range", "metrics that weigh nothing", "a long id",
	"numbers that readers disagree about", "numbers that are not finite", "numbers beyond numbers", "a directive",
	"promotion: a metric that is not declared", "networks without addresses",
	"slots: a name that the slot's id has", "slots: of a send time",
}

func TestSchemaRefusesWhatIsWrong(t *testing.T) {
	r := resolved(t)
	beyond := make(map[string]bool)
	for _, title := range beyondSchema {
		beyond[title] = true
	}
	refused := 0
	for _, c := range strings.Split(readFile(t, "testdata/problems.txt"), "\n=== ")[1:] {
		title, body, _ := strings.Cut(c, "\n")
		text, _, _ := strings.Cut(body, "---problems\n")
		v, err := asJSON(text)
		if err != nil || beyond[title] {
			continue // an editor says that it is no YAML, or cannot know
		}
		if r.Validate(v) == nil {
			t.Errorf("the schema accepts %q:\n%s", title, text)
		}
		refused++
	}
	if refused < 40 {
		t.Errorf("only %d cases reached the schema", refused)
	}
}
