package report

import (
	"context"
	"fmt"

	"github.com/nextbest/nextbest/evaluate/table"
	"github.com/nextbest/nextbest/ope"
)

// Slates is where slates come from: a table, of one policy. What it refuses has file, row and column.
type Slates struct {
	*table.Table // opened for slates
	Path         string
}

// MakeSlates reads all slates and describes what was found. Each is one decision of the document.
func MakeSlates(ctx context.Context, from Slates, c Choices) (*Document, error) {
	c.stopWith(ctx)
	evaluation, err := ope.NewSlateEvaluation(from.SlateColumns(), c.Specs, c.Options)
	if err != nil {
		return nil, err
	}
	slates := int64(0)
	err = c.untilEOF(ctx, from.Progress, func() error {
		slate, err := from.NextSlate()
		if err != nil {
			return err
		}
		slates++
		if err := evaluation.Add(slate); err != nil {
			return fmt.Errorf("%s: %w", from.Path, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	r := evaluation.Result(ope.Known{})
	if err := ctx.Err(); err != nil { // What a bootstrap that was stopped has found is worth nothing.
		return nil, err
	}
	return &Document{
		Policy: NewPolicy("", &r, from.Actions()), Alpha: c.Options.Alpha,
		Source: Source{Table: from.Path, Rows: from.Rows(), Slates: slates},
	}, nil
}
