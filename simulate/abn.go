package simulate

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// ABN is tests of several variants each, told by how often each variant was shown and clicked. It is immutable.
type ABN struct {
	Tests   []Test // in the order of the file
	Skipped int    // tests left out because their assignment may not have been random
}

// Test is one test of at least two variants.
type Test struct {
	ID       string
	Variants []Variant
}

// Variant is one of a test's variants.
type Variant struct {
	ID       string
	Rate     float64 // clicks per impression
	Headline string  // "" when the file has none
}

// abnReader gathers variants by test.
type abnReader struct {
	tests  []*abnTest
	number map[string]*abnTest
	// The fields of the row that is being read, in the order of the roles.
	test, variant, headline string
	risk                    bool
	impressions             int
}

type abnTest struct {
	Test
	risk bool
}

// ReadABN reads comma-separated values with a header row: the columns test, variant, impressions and clicks, and if
// there are any headline, and srm_risk (1: the test is left out, as its visitors may not have been assigned at random).
// Other columns are not looked at. Tests of a single variant are left out. Errors name line and column.
func ReadABN(r io.Reader) (*ABN, error) {
	a := &abnReader{number: map[string]*abnTest{}}
	_, err := readTable(r, []role{
		{column: "test", take: func(f string) error { a.test = strings.Clone(f); return present("test", f) }},
		{column: "srm_risk", optional: true, take: a.takeRisk},
		{column: "headline", optional: true, take: func(f string) error { a.headline = strings.Clone(f); return nil }},
		{column: "variant", take: a.takeVariant},
		{column: "impressions", take: a.takeImpressions},
		{column: "clicks", take: a.takeClicks},
	}, func(string) bool { return true })
	if err != nil {
		return nil, err
	}
	out := &ABN{}
	for _, t := range a.tests {
		switch {
		case t.risk:
			out.Skipped++
		case len(t.Variants) >= 2:
			out.Tests = append(out.Tests, t.Test)
		}
	}
	if len(out.Tests) == 0 {
		return nil, errors.New("the file has no test of two variants whose assignment was random")
	}
	return out, nil
}

func present(name, field string) error {
	if field == "" {
		return fmt.Errorf("the %s is missing", name)
	}
	return nil
}

func (a *abnReader) takeRisk(field string) error {
	if field != "0" && field != "1" {
		return fmt.Errorf("the risk %q is neither 0 nor 1", field)
	}
	a.risk = field == "1"
	return nil
}

func (a *abnReader) takeVariant(field string) error {
	a.variant = strings.Clone(field)
	if t := a.number[a.test]; t != nil {
		for _, v := range t.Variants {
			if v.ID == field {
				return fmt.Errorf("test %q has a variant %q already", a.test, field)
			}
		}
	}
	return present("variant", field)
}

func (a *abnReader) takeImpressions(field string) error {
	n, err := strconv.Atoi(field)
	if err != nil || n < 1 {
		return fmt.Errorf("the impressions %q are not an integer from 1", field)
	}
	a.impressions = n
	return nil
}

// takeClicks takes a row's last field, and with it the row.
func (a *abnReader) takeClicks(field string) error {
	n, err := strconv.Atoi(field)
	if err != nil || n < 0 {
		return fmt.Errorf("the clicks %q are not an integer from 0", field)
	}
	if n > a.impressions {
		return fmt.Errorf("%d clicks on %d impressions", n, a.impressions)
	}
	t := a.number[a.test]
	if t == nil {
		t = &abnTest{Test: Test{ID: a.test}}
		a.number[a.test], a.tests = t, append(a.tests, t)
	}
	t.risk = t.risk || a.risk
	t.Variants = append(t.Variants, Variant{a.variant, float64(n) / float64(a.impressions), a.headline})
	return nil
}

// World returns a test as a bandit: every visitor clicks a variant with its rate. With words, the actions have the words
// of their headlines as a feature.
func (t *Test) World(rng *rand.Rand, words bool) World {
	w := &rates{rng: rng}
	for _, v := range t.Variants {
		c := model.Candidate{ID: t.ID + "/" + v.ID}
		if tags := Words(v.Headline); words && len(tags) > 0 {
			c.Features = features.Set{{Name: "headline", Value: features.TextsValue(tags)}}
		}
		w.actions, w.rates = append(w.actions, c), append(w.rates, v.Rate)
	}
	return w
}

// maxWords is how many words of a text are tags: a headline's are fewer.
const maxWords = 30

// Words returns the different words of a text in lower case, in their order, the first maxWords. Letters, digits and
// apostrophes make words.
func Words(text string) []string {
	var out []string
	seen := map[string]bool{}
	text = strings.ReplaceAll(strings.ToLower(text), "’", "'")
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r != '\'' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		w = strings.Trim(w, "'")
		if w == "" || len(w) > features.MaxText || seen[w] || len(out) == maxWords {
			continue
		}
		seen[w] = true
		out = append(out, w)
	}
	return out
}
