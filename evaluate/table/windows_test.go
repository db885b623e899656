package table

import "testing"

// What spreadsheets write: a byte order mark, and lines that end in CR LF.
func TestTextsOfSpreadsheets(t *testing.T) {
	for name, text := range map[string]string{
		"rows.csv":    "\xef\xbb\xbfaction,reward,pscore\r\na,1,0.5\r\n\"b,c\",0,0.25\r\n",
		"rows.ndjson": "\xef\xbb\xbf{\"action\":\"a\",\"reward\":1,\"pscore\":0.5}\r\n{\"action\":\"b,c\",\"reward\":0,\"pscore\":0.25}\r\n",
	} {
		samples, table, err := readAll(writeRaw(t, name, []byte(text)), Options{})
		if err != nil || len(samples) != 2 || samples[1].Propensity != 0.25 || table.Actions()[1] != "b,c" {
			t.Errorf("%s: %+v, %v", name, samples, err)
		}
	}
}
