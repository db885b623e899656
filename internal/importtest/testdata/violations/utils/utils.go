// Package utils has an empty name and no rule.
package utils
