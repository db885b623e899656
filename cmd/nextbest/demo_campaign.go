package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/types/known/structpb"
)

// campaignFile is described in demodata/README.md.
//
//go:embed demodata/hillstrom.csv.gz
var campaignFile []byte

// campaignActions are the loop's action ids by the campaign's arm.
var campaignActions = [...]string{"no-email", "mens-email", "womens-email"}

// customer is one person of the campaign.
type customer struct {
	id       string
	features map[string]*structpb.Value
	sent     string  // the action that this customer really got
	visit    float64 // 1 when the customer then visited, else 0
}

// The features that the campaign's file has as numbers, truth values and texts.
var (
	campaignNumbers = []string{"recency", "history"}
	campaignFlags   = []string{"mens", "womens", "newbie"}
	campaignTexts   = []string{"history_segment", "zip_code", "channel"}
)

func readCampaign() ([]customer, error) {
	plain, err := gzip.NewReader(bytes.NewReader(campaignFile))
	if err != nil {
		return nil, fmt.Errorf("read the campaign: %w", err)
	}
	rows, err := csv.NewReader(plain).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the campaign: %w", err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	customers := make([]customer, 0, len(rows)-1)
	for i, row := range rows[1:] {
		c, err := readCustomer(row, column)
		if err != nil {
			return nil, fmt.Errorf("read the campaign: line %d: %w", i+2, err)
		}
		c.id = fmt.Sprintf("customer-%d", i+1)
		customers = append(customers, c)
	}
	return customers, nil
}

func readCustomer(row []string, column map[string]int) (customer, error) {
	c := customer{features: map[string]*structpb.Value{}}
	for _, name := range campaignNumbers {
		x, err := strconv.ParseFloat(row[column[name]], 64)
		if err != nil {
			return c, fmt.Errorf("%s: %w", name, err)
		}
		c.features[name] = structpb.NewNumberValue(x)
	}
	for _, name := range campaignFlags {
		c.features[name] = structpb.NewBoolValue(row[column[name]] == "1")
	}
	for _, name := range campaignTexts {
		c.features[name] = structpb.NewStringValue(row[column[name]])
	}
	arm, err := strconv.Atoi(row[column["arm"]])
	if err != nil || arm < 0 || arm >= len(campaignActions) {
		return c, fmt.Errorf("arm %q", row[column["arm"]])
	}
	c.sent = campaignActions[arm]
	if row[column["visit"]] == "1" {
		c.visit = 1
	}
	return c, nil
}
