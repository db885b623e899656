// Package newfolder has no rule.
package newfolder
