package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nextbest/nextbest/evaluate/report"
	"github.com/nextbest/nextbest/evaluate/table"
	"github.com/nextbest/nextbest/ope"
)

// validateSlates refuses what estimators of slates cannot be combined with.
func (f *evaluateFlags) validateSlates(specs []ope.Spec) error {
	slates, err := ope.OfSlates(specs)
	switch {
	case err != nil:
		return fmt.Errorf("--estimators: %w", err)
	case !slates:
		return nil
	case f.table == "":
		return fmt.Errorf("estimator %s is for a --table of slates: --data has the slots of a page as single decisions", specs[0].Name)
	case len(f.policies) > 0:
		return errors.New("--policy is not for slates: the table's eval_ columns are the evaluated policy")
	case f.slots:
		return errors.New("--per-slot is not for slates: their values are of all slots together")
	}
	return nil
}

// slatesDocument evaluates a table of slates.
func (f *evaluateFlags) slatesDocument(ctx context.Context, choices report.Choices) (*report.Document, error) {
	t, err := table.Open(f.table, table.Options{Columns: f.columns, Slates: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }() // Nothing was written.
	return report.MakeSlates(ctx, report.Slates{Table: t, Path: f.table}, choices)
}
