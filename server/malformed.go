package server

import (
	"regexp"
	"strings"
)

// malformed refuses a message that cannot be read. text is what the reader said about it: where, and usually which
// field it was at.
func malformed(text string) *failure {
	text = strings.TrimLeft(strings.TrimPrefix(text, "proto:"), " \u00a0")
	f := &failure{reason: MalformedMessage, detail: text}
	if field := fieldIn(text); field != "" {
		f.violations = []violation{{field, text}}
	}
	return f
}

// fieldPattern finds the field in the words of package protojson ("unknown field "colour"", "invalid value for string
// field userId: 5") and of package proto ("field nextbest.v1.RankRequest.user_id contains invalid UTF-8"). They are not
// promised to stay, so nothing but the naming of the field depends on them; a test sees when they change.
var fieldPattern = regexp.MustCompile(`\bfield "?([A-Za-z0-9_.]+)`)

func fieldIn(text string) string {
	m := fieldPattern.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	name := m[1][strings.LastIndexByte(m[1], '.')+1:]
	return jsonName(name)
}

// jsonName is a field's name as JSON has it.
func jsonName(name string) string {
	parts := strings.Split(name, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}
