package features

// userPrefix sets a user's features apart from the request's in what a model sees.
const userPrefix = "user."

// MergeForModel appends to dst, in the order of names, what a model sees of a request and its user: the declared
// features with their defaults where they have no value, undeclared ones of the request if the schema infers, and the
// user's under "user.NAME". What is missing and has no default is absent. A feature of the request that has a user
// feature's name gives way to it.
//
// context and user are as CheckContext and ParseUser leave them. It does not allocate when dst has room.
func (s *Schema) MergeForModel(dst, context, user Set) Set {
	c := cursor{fields: s.Context, set: context, infer: s.Undeclared == Infer}
	u := cursor{fields: s.User, set: user}
	next, ok := c.next()
	for {
		i, value := u.nextDeclared()
		if i < 0 {
			break
		}
		name := s.userName(i)
		for ok && next.Name < name {
			dst = append(dst, next)
			next, ok = c.next()
		}
		if ok && next.Name == name {
			next, ok = c.next()
		}
		dst = append(dst, Feature{Name: name, Value: value})
	}
	for ; ok; next, ok = c.next() {
		dst = append(dst, next)
	}
	return dst
}

// MergeAction appends to dst what a model sees of an action's features, defaults applied, in the order of names.
func (s *Schema) MergeAction(dst, action Set) Set {
	c := cursor{fields: s.Action, set: action, infer: s.Undeclared == Infer}
	for f, ok := c.next(); ok; f, ok = c.next() {
		dst = append(dst, f)
	}
	return dst
}

// ActionsAsSent reports whether MergeAction changes nothing, so that an action's own features will do.
func (s *Schema) ActionsAsSent() bool { return len(s.Action) == 0 && s.Undeclared == Infer }

func (s *Schema) userName(i int) string {
	if i < len(s.userNames) {
		return s.userNames[i]
	}
	return userPrefix + s.User[i].Name
}

// cursor walks the fields of a part and the features of a set together, by name.
type cursor struct {
	fields []Field
	set    Set
	infer  bool // yield what no field declares
	field  int  // of fields: the next one
	at     int  // of set: the next one
}

// next returns the next feature that has a value or a default.
func (c *cursor) next() (Feature, bool) {
	for c.field < len(c.fields) || c.at < len(c.set) {
		if c.at < len(c.set) && (c.field == len(c.fields) || c.set[c.at].Name < c.fields[c.field].Name) {
			f := c.set[c.at]
			c.at++
			if c.infer && f.Value.kind != Missing {
				return f, true
			}
			continue
		}
		if i, v := c.declared(); v.kind != Missing {
			return Feature{Name: c.fields[i].Name, Value: v}, true
		}
	}
	return Feature{}, false
}

// nextDeclared returns the next field that has a value or a default, by index, or -1.
func (c *cursor) nextDeclared() (int, Value) {
	for c.field < len(c.fields) {
		for c.at < len(c.set) && c.set[c.at].Name < c.fields[c.field].Name {
			c.at++
		}
		if i, v := c.declared(); v.kind != Missing {
			return i, v
		}
	}
	return -1, Value{}
}

// declared consumes the next field, with its feature when the set is at it.
func (c *cursor) declared() (int, Value) {
	i := c.field
	c.field++
	v := Value{}
	if c.at < len(c.set) && c.set[c.at].Name == c.fields[i].Name {
		v = c.set[c.at].Value
		c.at++
	}
	if v.kind == Missing {
		v = c.fields[i].Default
	}
	return i, v
}
