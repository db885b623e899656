package importtest

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Module is the path of our own module.
const Module = "github.com/nextbest/nextbest"

// matches reports whether a pattern names the package.
func matches(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	parent, below := strings.CutSuffix(pattern, "/...")
	return pkg == parent || below && strings.HasPrefix(pkg, parent+"/")
}

// matchesAny reports whether one of the patterns names the package.
func matchesAny(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, pkg) })
}

// Check returns every violation as "path:line: what is wrong", in the order of the files.
func Check(files []*File) []string {
	var found []string
	for _, f := range files {
		found = append(found, checkShape(f)...)
		found = append(found, checkNoInit(f)...)
		if !f.IsTest() {
			found = append(found, checkImports(f)...)
		}
	}
	return found
}

// checkShape looks at the file as a whole.
func checkShape(f *File) []string {
	var found []string
	name := strings.TrimSuffix(f.Syntax.Name.Name, "_test")
	if slices.Contains(emptyNames, name) || slices.Contains(emptyNames, path.Base(f.Dir())) {
		found = append(found, fmt.Sprintf("%s: package %s says nothing about what it does", f.at(f.Syntax.Name.Pos()), name))
	}
	if f.Lines > maxLines && !f.IsTest() && longFiles[f.Path] == "" {
		found = append(found, fmt.Sprintf("%s:%d: longer than %d lines: split it by idea, or give longFiles the reason",
			f.Path, f.Lines, maxLines))
	}
	return found
}

// checkNoInit refuses work that happens by being imported.
func checkNoInit(f *File) []string {
	var found []string
	for _, d := range f.Syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			found = append(found, f.at(fn.Pos())+": func init: wiring is ordinary code in cmd")
		}
	}
	return found
}

// checkImports checks every import of a file that is no test, and for a pure package what it uses of them.
func checkImports(f *File) []string {
	i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.packages, f.Dir()) })
	if i < 0 {
		return []string{fmt.Sprintf("%s: package %s has no rule in internal/importtest/rules.go",
			f.at(f.Syntax.Name.Pos()), f.Dir())}
	}
	var found []string
	report := func(spec *ast.ImportSpec, problem string) {
		found = append(found, fmt.Sprintf("%s: %s %s", f.at(spec.Pos()), f.Dir(), problem))
	}
	for _, spec := range f.Syntax.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
		if spec.Name != nil && spec.Name.Name == "." {
			report(spec, "imports "+imported+" without its name")
		}
		if problem := judgeImport(rules[i], f.Dir(), imported); problem != "" {
			report(spec, problem)
		}
	}
	if rules[i].pure {
		found = append(found, checkUses(f)...)
	}
	return found
}

// judgeImport says what is wrong with a package's import, or nothing.
func judgeImport(r rule, pkg, imported string) string {
	if own, ok := strings.CutPrefix(imported, Module+"/"); ok {
		if !matchesAny(r.ours, own) {
			return "must not import " + own
		}
		return ""
	}
	for _, restricted := range restrictions {
		if !matches(restricted.imported, imported) {
			continue
		}
		if matchesAny(restricted.to, pkg) || matches("internal/...", pkg) {
			break
		}
		return "must not import " + imported + ": " + restricted.reason
	}
	thirdParty := strings.Contains(strings.Split(imported, "/")[0], ".")
	if r.pure && (thirdParty && !matchesAny(pureThirdParty, imported) || matchesAny(impureImports, imported)) {
		return "is pure: it must not import " + imported
	}
	return ""
}

// checkUses checks what a pure file uses of the packages that are neither wholly pure nor forbidden.
func checkUses(f *File) []string {
	names := importNames(f.Syntax)
	var found []string
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		ident, ok := selector.X.(*ast.Ident)
		if !ok {
			return true
		}
		pkg, used := names[ident.Name], selector.Sel.Name
		only, limited := onlyNames[pkg]
		if slices.Contains(impureNames[pkg], used) || limited && !slices.Contains(only, used) {
			found = append(found, fmt.Sprintf("%s: %s is pure: it must not use %s.%s", f.at(n.Pos()), f.Dir(), pkg, used))
		}
		return true
	})
	return found
}

// importNames maps the names that a file gives to its imports to their paths.
func importNames(syntax *ast.File) map[string]string {
	names := make(map[string]string)
	for _, spec := range syntax.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		name := path.Base(imported)
		if parent, last := path.Split(imported); len(last) > 1 && last[0] == 'v' && strings.Trim(last[1:], "0123456789") == "" {
			name = path.Base(parent)
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = imported
	}
	return names
}
