// Package challenger evaluates shadow policies continuously on live traffic, promotes one that is proven to be better than
// the loop's own, and puts the loop's own back when it turns out to be the better one.
package challenger
