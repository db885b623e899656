// Package batch reads the users whom a batch is about, and writes the plan that comes of it.
//
//	users.csv ─► Rows ─► (decided elsewhere) ─► Plan: parts ─► plan.parquet
//
// A plan is written by parts: each is whole and synced before the manifest says so. What stops in the middle goes on after the last whole
// part; rows in between are asked for again, and as their events have the same ids, the answers are those that they had.
//
//	plan.parquet.parts/
//	  manifest.json     what the plan is made of, and how many rows are in whole parts
//	  000001.parquet    rows 1 to n
//	  000002.parquet    ...
//
// At the end the parts become one file, which appears whole or not at all.
package batch
