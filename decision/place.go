package decision

import (
	"slices"
	"strings"

	"github.com/nextbest/nextbest/features"
)

// SlotFeature is what a model calls the id of the slot that is decided, where position is context. A feature of the
// request that has this name gives way to it.
const SlotFeature = "slot.id"

// At makes the view, once set, that of one slot: where the loop takes position as context, the slot's id is a category of
// the context. By id and not by number, since what a place is worth goes with the place: a page that leaves one out, or
// names them in another order, still means the same ones. The one place of a request that named none has no id, and no
// such feature.
func (v *View) At(l *Loop, in *Input, slot int) {
	id := in.Slots[slot].ID
	if !l.Position || id == "" {
		return
	}
	f := features.Feature{Name: SlotFeature, Value: features.TextValue(id)}
	i, found := slices.BinarySearchFunc(v.Context, SlotFeature, func(f features.Feature, name string) int {
		return strings.Compare(f.Name, name)
	})
	if found {
		v.Context[i] = f
		return
	}
	v.Context = slices.Insert(v.Context, i, f)
}
