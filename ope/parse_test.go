package ope

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestParseEstimators(t *testing.T) {
	for _, c := range []struct {
		name   string
		lambda float64
		want   Estimator
	}{
		{"ips", math.NaN(), IPS{}},
		{"ips", 20, IPS{}},
		{"snips", 20, SNIPS{}},
		{"dm", 20, DM{}},
		{"dr", 20, DR{}},
		{"sndr", 20, SNDR{}},
		{"replay", 20, Replay{}},
		{"ips_clipped", math.NaN(), IPS{Clip: 100}},
		{"ips_clipped", 20, IPS{Clip: 20}},
		{"ips_clipped(5)", 20, IPS{Clip: 5}},
		{"dr_clipped", 20, DR{Clip: 20}},
		{"switch_dr", math.NaN(), SwitchDR{Lambda: 100}},
		{"switch_dr(20)", math.NaN(), SwitchDR{Lambda: 20}},
		{"switch_dr(0)", 20, SwitchDR{}},
		{"switch_dr(inf)", 20, SwitchDR{Lambda: infinity}},
		{"dros", math.NaN(), DROS{Lambda: 10000}},
		{"dros", 0, DROS{}},
		{"dros(1e+06)", 20, DROS{Lambda: 1e6}},
		{"dros(1e3)", 20, DROS{Lambda: 1000}},
		{"sg_ips", math.NaN(), SGIPS{Lambda: 0.001}},
		{"sg_dr", 0.5, SGDR{Lambda: 0.5}},
		{"sg_dr(0)", 20, SGDR{}},
	} {
		specs, err := ParseEstimators([]string{c.name}, c.lambda)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := specs[0]; got.Name != c.name || got.Estimator != c.want || got.Tuning != nil || got.Needs() != c.want.Needs() {
			t.Errorf("%s with λ = %v is %+v, want %#v", c.name, c.lambda, got, c.want)
		}
	}
}

func TestParseTunedEstimators(t *testing.T) {
	specs, err := ParseEstimators([]string{"dr+slope", "ips", "sg_ips+mse", "dros+mse_point"}, 20)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		name  string
		at    Estimator
		rule  Rule
		needs Columns
	}{
		{"dr+slope", DR{Clip: 5}, Slope, HasPropensity | HasTarget | HasModel},
		{"ips", IPS{}, 0, HasPropensity | HasTarget},
		{"sg_ips+mse", SGIPS{Lambda: 5}, MSEBound, HasPropensity | HasTarget},
		{"dros+mse_point", DROS{Lambda: 5}, MSEPoint, HasPropensity | HasTarget | HasModel},
	} {
		got := specs[i]
		if got.Name != want.name || got.Needs() != want.needs {
			t.Errorf("%d is %s that needs %b, want %s that needs %b", i, got.Name, got.Needs(), want.name, want.needs)
		}
		if got.Tuning != nil && (got.Tuning.At(5) != want.at || got.Tuning.Rule != want.rule) {
			t.Errorf("%s is %+v", got.Name, got.Tuning)
		}
	}
}

// Names that estimators give themselves can be asked for.
func TestNamesParse(t *testing.T) {
	for _, f := range forms() {
		if f.at == nil {
			continue // TestWeightedLoggersParse and TestSlateEstimatorsParse have those.
		}
		want := f.at(f.takes.usual)
		specs, err := ParseEstimators([]string{want.Name()}, math.NaN())
		if err != nil {
			t.Error(err)
		} else if specs[0].Estimator != want {
			t.Errorf("%s is %#v, want %#v", want.Name(), specs[0].Estimator, want)
		}
	}
}

func TestWeightedLoggersParse(t *testing.T) {
	specs, err := ParseEstimators([]string{"multi_weighted", "multi_weighted_dr"}, math.NaN())
	if err != nil {
		t.Fatal(err)
	}
	for i, dr := range []bool{false, true} {
		if w := specs[i].Weighted; w == nil || w.DR != dr || w.Name() != specs[i].Name {
			t.Errorf("%s is %+v", specs[i].Name, w)
		}
	}
}

// A λ for all that is not one of each leaves the others to be computed.
func TestCommonLambdaThatIsNotOfAll(t *testing.T) {
	specs, err := ParseEstimators([]string{"sg_ips", "switch_dr"}, 20)
	if err != nil || specs[0].Unable != "λ is 20, want it from 0 to 1" || specs[1].Unable != "" {
		t.Errorf("%+v, %v", specs, err)
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		lambda float64
		want   string
	}{
		{"", 20, `unknown estimator "": the estimators are ips, ips_clipped, snips, dm, dr,`},
		{"ipw", 20, `unknown estimator "ipw": did you mean ips? The estimators are ips,`},
		{"switch-dr", 20, "did you mean switch_dr?"},
		{"DR", 20, "did you mean dr?"},
		{"dr-os(20)", 20, "did you mean dros?"},
		{"dr+slop", 20, "did you mean dr+slope?"},
		{"dr+mse_bias", 20, "unknown estimator"},
		{"snips+slope", 20, "unknown estimator"},
		{"nonsense", 20, `unknown estimator "nonsense": the estimators are ips,`},
		{"dr+slope(3)", 20, "a rule chooses λ, and takes none in brackets"},
		{"dros(3)+slope", 20, "a rule chooses λ, and takes none in brackets"},
		{"dros(3)slope", 20, "want a number in the brackets, as in dros(10000)"},
		{"dr(3)", 20, "dr takes no parameter, dr_clipped(100) does"},
		{"snips(3)", 20, "snips takes no parameter"},
		{"dros(3", 20, "want a number in the brackets, as in dros(10000)"},
		{"dros()", 20, "want a number in the brackets"},
		{"dros(nan)", 20, "want a number in the brackets"},
		{"dros(-1)", 20, "λ is -1, want it 0 or more"},
		{"ips_clipped(0)", 20, "λ is 0, want it above 0"},
		{"sg_ips(20)", 20, "estimator sg_ips(20): λ is 20, want it from 0 to 1, as in sg_ips(0.001)"},
	} {
		specs, err := ParseEstimators([]string{"dm", c.name}, c.lambda)
		if err == nil {
			t.Errorf("%q is %+v, want an error", c.name, specs)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := ParseEstimators([]string{"dm", "ips", "dm"}, 20); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("error %v of a name that is there twice", err)
	}
}

// An unknown name's error lists all that is known, and all that is listed is known.
func TestErrorsListTheNames(t *testing.T) {
	names := EstimatorNames()
	if _, err := ParseEstimators(names, math.NaN()); err != nil {
		t.Error(err)
	}
	_, err := ParseEstimators([]string{"nonsense"}, math.NaN())
	if err == nil || !strings.HasSuffix(err.Error(), strings.Join(names, ", ")) {
		t.Errorf("error %v does not end with the names", err)
	}
	if !slices.Contains(names, "switch_dr+mse_point") {
		t.Errorf("names are %v", names)
	}
}
