package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
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

// malformedJSON is malformed for a body, in which the reader's words only say the place where they do not name the
// field, or not all of its path.
func malformedJSON(text string, body []byte) *failure {
	f := malformed(text)
	m := placePattern.FindStringSubmatch(text)
	if m == nil {
		return f
	}
	line, _ := strconv.Atoi(m[1]) // digits; of numbers too large, no place comes
	column, _ := strconv.Atoi(m[2])
	if field := fieldAt(body, offsetOf(body, line, column)); field != "" {
		f.violations = []violation{{field, f.detail}}
		f.detail = field + ": " + f.detail
	}
	return f
}

// placePattern finds the place in the words of package protojson: "(line 1:20): invalid value NaN".
var placePattern = regexp.MustCompile(`\(line (\d+):(\d+)\)`)

// offsetOf returns where a line and a column, of characters and from 1, are in text.
func offsetOf(text []byte, line, column int) int {
	offset := 0
	for range line - 1 {
		i := bytes.IndexByte(text[offset:], '\n')
		if i < 0 {
			return len(text)
		}
		offset += i + 1
	}
	for range column - 1 {
		if offset == len(text) {
			break
		}
		_, size := utf8.DecodeRune(text[offset:])
		offset += size
	}
	return offset
}

// level is an object or a list that a place in JSON lies in.
type level struct {
	list  bool
	index int    // of the list's element
	key   string // of the object's member
	value bool   // the member's value comes next
}

// fieldAt returns the path of what is at an offset of a JSON text, such as actions[2].features.price. The text need not
// be right from there on.
func fieldAt(text []byte, offset int) string {
	reader := json.NewDecoder(bytes.NewReader(text))
	reader.UseNumber()
	var levels []level
	for {
		token, err := reader.Token()
		if err != nil {
			return pathOf(levels)
		}
		top := len(levels) - 1
		key, isKey := token.(string)
		isKey = isKey && top >= 0 && !levels[top].list && !levels[top].value
		if isKey {
			levels[top].key, levels[top].value = key, true
		}
		if int(reader.InputOffset()) > offset {
			return pathOf(levels)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			levels = append(levels, level{list: token == json.Delim('[')})
			continue
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:top]
		}
		if top = len(levels) - 1; top >= 0 && !isKey { // a value has ended
			levels[top].index++
			levels[top].key, levels[top].value = "", false
		}
	}
}

func pathOf(levels []level) string {
	var b strings.Builder
	for _, l := range levels {
		switch {
		case l.list:
			fmt.Fprintf(&b, "[%d]", l.index)
		case l.key != "" && b.Len() > 0:
			b.WriteString("." + l.key)
		default:
			b.WriteString(l.key)
		}
	}
	return b.String()
}
