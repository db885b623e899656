package table

// alternatives implements decider.
func (j *ndjsonSource) alternatives() (actionSet, bool) {
	if j.possible == nil {
		return actionSet{}, false
	}
	return *j.possible, true
}

// isListColumn reports whether a column is one of those of action sets.
func isListColumn(name []byte) bool {
	return string(name) == actionsColumn || string(name) == probabilitiesColumn
}

// list reads a member of the action set, and skips any other.
func (j *ndjsonSource) list(name []byte) (err error) {
	switch {
	case j.possible == nil:
		return j.objects.skip()
	case string(name) == actionsColumn:
		j.listed[0] = true
		if j.possible.actions, err = readList(j.objects, j.possible.actions[:0], j.actionNumber); err != nil {
			return &Error{Column: actionsColumn, Err: err}
		}
		return nil
	case string(name) == probabilitiesColumn:
		j.listed[1] = true
		if j.possible.probabilities, err = readList(j.objects, j.possible.probabilities[:0], j.objects.number); err != nil {
			return &Error{Column: probabilitiesColumn, Err: err}
		}
		return nil
	}
	return j.objects.skip()
}

// actionNumber reads the name of an action, of the same type as those of column action.
func (j *ndjsonSource) actionNumber() (int, error) {
	value, err := j.objects.value()
	if err != nil {
		return 0, err
	}
	if err := j.checkType(action, value); err != nil {
		return 0, err
	}
	if value.Kind() != '"' {
		return j.cells.actions.number(value)
	}
	text, err := j.objects.unquote(value)
	if err != nil {
		return 0, err
	}
	return j.cells.actions.number(text)
}
