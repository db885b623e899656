package inbound

// Names are what our ids are called where a sender carries them for us: SendGrid's custom arguments, SES's message tags,
// Postmark's metadata.
type Names struct {
	Loop   string `yaml:"loop"`
	Event  string `yaml:"event"`
	Slot   string `yaml:"slot"`
	User   string `yaml:"user"`
	Action string `yaml:"action"`
}

// defaultNames begin with nb_, so that they meet no others.
func defaultNames() Names {
	return Names{Loop: "nb_loop", Event: "nb_event_id", Slot: "nb_slot_id", User: "nb_user_id", Action: "nb_action_id"}
}

// orDefault returns the names with the default where there is none.
func (n Names) orDefault() Names {
	d := defaultNames()
	for _, p := range []struct{ is, otherwise *string }{
		{&n.Loop, &d.Loop}, {&n.Event, &d.Event}, {&n.Slot, &d.Slot}, {&n.User, &d.User}, {&n.Action, &d.Action},
	} {
		if *p.is == "" {
			*p.is = *p.otherwise
		}
	}
	return n
}

// fill reads our ids out of what a sender carries.
func (n *Names) fill(e *Event, get func(name string) string) {
	e.Loop, e.EventID, e.SlotID = get(n.Loop), get(n.Event), get(n.Slot)
	e.UserID, e.ActionID = get(n.User), get(n.Action)
}

// carried returns an id as it was sent along: text, or a number that was not put in quotes.
func carried(v any) string {
	text, err := textOf(v)
	if err != nil {
		return ""
	}
	return text
}
