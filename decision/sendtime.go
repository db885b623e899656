package decision

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/guardrail"
	"github.com/nextbest/nextbest/model"
)

// DoNotSend is the id of the action of a loop of send times that sends nothing.
const DoNotSend = "do_not_send"

// SendAction is the id under which the kill switch knows all send times of a loop.
const SendAction = "send"

// MaxSendTimes bounds the times that one decision chooses among.
const MaxSendTimes = 1000

// SendSpec makes a loop one of send times: its actions are the times of a window, made for each request.
type SendSpec struct {
	Granularity time.Duration // between times; divides a day
	Window      time.Duration // from the earliest time on, where a request says no latest one
	Horizon     time.Duration // how far ahead a request may ask for
	PerMinute   int           // sends in a minute, over all users of a campaign; 0 is without limit
	DoNotSend   bool          // not to send at all is an action too
	Subject     guardrail.Subject
}

// subject returns a send as guardrails see it, at any time; not to send is silent: no rule is about it.
func (s *SendSpec) subject(id string) guardrail.Subject {
	if id == DoNotSend {
		return guardrail.Subject{ID: DoNotSend, Silent: true}
	}
	return s.Subject
}

// EvidenceField is the field of a user in the feature store that holds what the user's sends of a loop have shown. The
// learner writes it.
func EvidenceField(loop string) string { return "nb:sendtime:" + loop }

// SendRequest is what a request for a send time asks for. The zero value asks for the loop's own.
type SendRequest struct {
	Earliest    time.Time     // zero: now
	Latest      time.Time     // zero: the loop's window after Earliest
	TimeZone    string        // of the tz database; "": the user's own, else the loop's
	Granularity time.Duration // 0: the loop's
	Campaign    string        // whose sends share PerMinute
	PerMinute   int           // 0: the loop's
}

// SendWindow is what a decision on a send time chooses among, and the time zone in which it looks at it: part of its Input.
type SendWindow struct {
	Earliest, Latest time.Time // UTC; a send may be at either
	Granularity      time.Duration
	Zone             string       // name in the tz database
	Offsets          []ZoneOffset // that the zone has from Earliest on, by time; at least one
	DoNotSend        bool         // is the last action
	ZoneAsked        bool         // the request named the zone

	Campaign  string
	PerMinute int // 0: without limit
	// Places is, by time, the minute at which there is room for the send, in minutes after the start of the time's own minute;
	// FullMinutes where there is none. nil: without limit.
	Places []int32
}

// FullMinutes says that a send time has no minute with room.
const FullMinutes = -1

// ZoneOffset is the offset of a time zone from a moment on.
type ZoneOffset struct {
	From    int64 // unix seconds
	Seconds int   // east of UTC
}

// ExcludedByPace is the reason of a send time all of whose minutes are full.
const ExcludedByPace = "minutes_full"

// offsetsAhead is how long after a window the zone's offsets are recorded: a send that comes later than planned is still
// learned from by the user's own clock.
const offsetsAhead = 92 * 24 * time.Hour

// newSendWindow returns what a request can choose among, at now, in a time zone.
func newSendWindow(s *SendSpec, req *SendRequest, now time.Time, zone *time.Location) (*SendWindow, error) {
	w := &SendWindow{
		Earliest: req.Earliest, Latest: req.Latest, Granularity: req.Granularity, Zone: zone.String(), DoNotSend: s.DoNotSend, ZoneAsked: req.TimeZone != "",
		Campaign: req.Campaign, PerMinute: req.PerMinute,
	}
	if w.Granularity == 0 {
		w.Granularity = s.Granularity
	}
	if w.PerMinute == 0 {
		w.PerMinute = s.PerMinute
	}
	if w.Earliest.Before(now) {
		w.Earliest = now
	}
	w.Earliest = wholeSecond(w.Earliest)
	if w.Latest.IsZero() {
		w.Latest = w.Earliest.Add(s.Window)
	}
	w.Latest = w.Latest.Truncate(time.Second).UTC()
	switch {
	case w.Latest.Before(w.Earliest):
		return nil, &InputError{"latest", "is over: it must not be before earliest, nor before now"}
	case w.Latest.After(now.Add(s.Horizon)):
		return nil, &InputError{"latest", fmt.Sprintf("is more than the loop's horizon of %v ahead", s.Horizon)}
	case w.Latest.Sub(w.Earliest)/w.Granularity >= MaxSendTimes-2:
		return nil, &InputError{"granularity", fmt.Sprintf("makes more than %d times of the window: make it longer, or the window shorter", MaxSendTimes-2)}
	}
	w.Offsets = offsetsOf(zone, w.Earliest, w.Latest.Add(offsetsAhead))
	return w, nil
}

// wholeSecond returns the first whole second at or after a time.
func wholeSecond(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); !whole.Equal(t) {
		return whole.Add(time.Second).UTC()
	}
	return t.UTC()
}

// offsetsOf returns the offsets that a zone has from one moment to another.
func offsetsOf(zone *time.Location, from, to time.Time) []ZoneOffset {
	var offsets []ZoneOffset
	for t := from; ; {
		local := t.In(zone)
		_, seconds := local.Zone()
		if n := len(offsets); n == 0 || offsets[n-1].Seconds != seconds {
			offsets = append(offsets, ZoneOffset{t.Unix(), seconds})
		}
		_, end := local.ZoneBounds()
		if end.IsZero() || !end.Before(to) {
			return offsets
		}
		t = end
	}
}

// Offset returns the zone's offset at a moment, in seconds east of UTC.
func (w *SendWindow) Offset(unix int64) int {
	at := w.Offsets[0].Seconds
	for _, o := range w.Offsets[1:] {
		if o.From > unix {
			break
		}
		at = o.Seconds
	}
	return at
}

// HourOfWeek returns a moment by the clock on the user's wall.
func (w *SendWindow) HourOfWeek(at time.Time) model.HourOfWeek {
	const mondayBefore1970 = -3 * 24 * 3600 // 1 January 1970 was a Thursday.
	wall := at.Unix() + int64(w.Offset(at.Unix())) - mondayBefore1970
	const week = 7 * 24 * 3600
	return model.HourOfWeek(float64((wall%week+week)%week) / 3600)
}

// Times returns the times to choose among, by time: the earliest, and from then on each at which the clock on the user's wall
// shows a multiple of the granularity. They are moments, not readings of a clock: where clocks are put forward no time
// is missing, and where they are put back the same reading is there twice.
func (w *SendWindow) Times() []int64 {
	step := int64(w.Granularity / time.Second)
	latest := w.Latest.Unix()
	times := make([]int64, 0, (latest-w.Earliest.Unix())/step+2)
	for t := w.Earliest.Unix(); t <= latest && len(times) < MaxSendTimes-1; {
		times = append(times, t)
		wall := t + int64(w.Offset(t))
		t += step - (wall%step+step)%step
	}
	return times
}

// until returns the last moment that belongs to one of the window's times: with room only later, its send goes out by then.
func (w *SendWindow) until(times []int64, i int) int64 {
	until := min(w.Latest.Unix(), times[i]+int64(w.Granularity/time.Second)-1)
	if i+1 < len(times) {
		until = min(until, times[i+1]-1)
	}
	return until
}

// hour returns a send time as a model sees it.
func (w *SendWindow) hour(unix int64) features.Set {
	hour := w.HourOfWeek(time.Unix(unix, 0))
	if step := float64(hour) * hourSteps; step == float64(int(step)) {
		return hours[int(step)]
	}
	return hourSet(float64(hour))
}

// hours are the sets of all hours of the week at which sends usually are, each hourSteps-th of an hour: they are the same for ever, and
// made for every decision they would be most of its garbage.
var hours = func() (all [7 * 24 * hourSteps]features.Set) {
	for i := range all {
		all[i] = hourSet(float64(i) / hourSteps)
	}
	return all
}()

const hourSteps = 4

func hourSet(hour float64) features.Set {
	return features.Set{{Name: model.HourFeature, Value: features.NumberValue(hour)}}
}

// Actions returns the window's times as actions, whose ids are the times as RFC 3339 by the user's clock; and DoNotSend as the last, where that
// is one.
func (w *SendWindow) Actions() []Action {
	times := w.Times()
	actions := make([]Action, len(times), len(times)+1)
	var text strings.Builder
	text.Grow(len(times) * len(time.RFC3339))
	buffer := make([]byte, 0, len(time.RFC3339))
	zone, offset := time.UTC, 0
	for i, t := range times {
		if o := w.Offset(t); o != offset {
			zone, offset = time.FixedZone("", o), o
		}
		buffer = time.Unix(t, 0).In(zone).AppendFormat(buffer[:0], time.RFC3339)
		from := text.Len()
		text.Write(buffer) // It has grown to its size: what was taken of it stays where it is.
		actions[i] = Action{ID: text.String()[from:], Features: w.hour(t)}
	}
	if w.DoNotSend {
		actions = append(actions, Action{ID: DoNotSend})
	}
	return actions
}

// SendAt returns the moment at which an action of the window sends, and false for one that does not send.
func (w *SendWindow) SendAt(action int) (time.Time, bool) {
	times := w.Times()
	if action < 0 || action >= len(times) {
		return time.Time{}, false
	}
	return w.at(times[action], action), true
}

// at returns the moment of a time with room found for it.
func (w *SendWindow) at(unix int64, action int) time.Time {
	if w.Places == nil || w.Places[action] <= 0 {
		return time.Unix(unix, 0).UTC()
	}
	minute := unix - unix%60 + 60*int64(w.Places[action])
	return time.Unix(minute, 0).UTC()
}

// SendAt returns the moment at which a decision on a send time sends, and false where it is none, or sends nothing.
func (r *Record) SendAt() (time.Time, bool) {
	if r.Send == nil {
		return time.Time{}, false
	}
	return r.Send.SendAt(r.Choices[0].Served())
}

// appendEvidence appends what the user's sends have shown, which is all that a loop of send times looks at beside the times.
func appendEvidence(dst features.Set, in *Input) features.Set {
	if v := in.User.Get(model.EvidenceFeature); v.Kind() == features.Numbers {
		return append(dst, features.Feature{Name: model.EvidenceFeature, Value: v})
	}
	return dst
}

// knownEvidence completes in with what the feature store holds of the user's sends.
func (in *Input) knownEvidence(raw features.Raw) {
	if !raw.Present || raw.Text == "" {
		return // Nothing was learned of the user: that is no gap in anybody's data.
	}
	numbers, ok := parseEvidence(raw.Text)
	if !ok {
		in.Defaulted = append(in.Defaulted, features.Defaulted{Name: model.EvidenceFeature, Reason: features.ReasonMalformed})
		return
	}
	in.User, _ = features.NewSet(append(in.User, features.Feature{Name: model.EvidenceFeature, Value: features.NumbersValue(numbers)})) // No declared feature has the name.
}

// EvidenceText returns the text of evidence in the feature store: numbers to six digits, by spaces.
func EvidenceText(numbers []float64) string {
	b := make([]byte, 0, 8*len(numbers))
	for i, x := range numbers {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendFloat(b, x, 'g', 6, 64)
	}
	return string(b)
}

func parseEvidence(text string) ([]float64, bool) {
	numbers := make([]float64, 0, strings.Count(text, " ")+1)
	for part := range strings.SplitSeq(text, " ") {
		x, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return nil, false
		}
		numbers = append(numbers, x)
	}
	return numbers, new(model.UserEvidence).SetNumbers(numbers)
}
