package table

import (
	"io"
	"testing"

	"github.com/nextbest/nextbest/ope"
)

// readAll reads a table to its end.
func readAll(path string, options Options) (samples []ope.Sample, table *Table, err error) {
	table, err = Open(path, options)
	if err != nil {
		return nil, nil, err
	}
	for {
		var s ope.Sample
		if err = table.Next(&s); err != nil {
			break
		}
		samples = append(samples, s)
	}
	closing := table.Close()
	if err == io.EOF {
		err = closing
	}
	return samples, table, err
}

// garbage are files that are refused, with what is said about them.
var garbage = []struct{ name, text, want string }{
	{"rows.csv", "reward,pscore\n1,0.5\n1,1.5\n", ":3: column pscore: 1.5 is not a probability in (0,1]"},
	{"rows.csv", "reward,pscore\n1,0\n", ":2: column pscore: 0 is not a probability in (0,1]"},
	{"rows.csv", "reward,pscore\n1,-0.5\n", ":2: column pscore: -0.5 is not a probability in (0,1]"},
	{"rows.csv", "reward,pscore,pi_e\n1,1e-75,1\n", ":2: column pscore: 1e-75 is not a probability that does not make weights of more than 1e70"},
	{"rows.csv", "reward,pscore\n1,NaN\n", ":2: column pscore: NaN is not a probability in (0,1]"},
	{"rows.csv", "reward,pi_e\n1,1.1\n", ":2: column pi_e: 1.1 is not a probability in [0,1]"},
	{"rows.csv", "reward,kept\n1,0\n", ":2: column kept: 0 is not a probability in (0,1]"},
	{"rows.csv", "reward,unsupported\n1,2\n", ":2: column unsupported: 2 is not a probability in [0,1]"},
	{"rows.csv", "reward,pscore_avg\n1,0\n", ":2: column pscore_avg: 0 is not a probability in (0,1]"},
	{"rows.csv", "reward,p_e_pi_b,p_e_pi_e\n1,0,0\n", ":2: column p_e_pi_b: 0 is not a probability in (0,1]"},
	{"rows.csv", "reward,p_e_pi_b,p_e_pi_e\n1,1,-1\n", ":2: column p_e_pi_e: -1 is not a probability in [0,1]"},
	{"rows.csv", "reward,q_logged,q_pi_e\n1,1,+inf\n", ":2: column q_pi_e: +Inf is not a number between -1e70 and 1e70"},
	{"rows.csv", "reward\nNaN\n", ":2: column reward: NaN is not a number between -1e70 and 1e70"},
	{"rows.csv", "reward\n-Infinity\n", ":2: column reward: -Inf is not a number between -1e70 and 1e70"},
	{"rows.csv", "reward\n1e999\n", `:2: column reward: "1e999" is not a number of 64 bits`},
	{"rows.csv", "reward\n0x1p-2\n", `:2: column reward: "0x1p-2" is not a number`},
	{"rows.csv", "reward\n-0X1P-2\n", `:2: column reward: "-0X1P-2" is not a number`},
	{"rows.csv", "reward\n1_000\n", `:2: column reward: "1_000" is not a number`},
	{"rows.csv", "reward\n1\n 2\n", `:3: column reward: " 2" is not a number`},
	{"rows.csv", "reward\n1\ntrue\n", `:3: column reward: "true" is not a number`},
	{"rows.csv", "reward,a\n1,b\n,b\n", ":3: column reward: no value"},
	{"rows.csv", "reward,action\n1,\n", ":2: column action: no value"},
	{"rows.csv", "reward,unit\n1,\n", ":2: column unit: no value"},
	{"rows.csv", "reward,unit\n1,\"\"\n", ":2: column unit: no value"},
	{"rows.csv", "reward,position\n1,-1\n", ":2: column position: -1 is not a whole number from 0 to 65535"},
	{"rows.csv", "reward,stratum\n1,0.5\n", ":2: column stratum: 0.5 is not a whole number from 0 to 65535"},
	{"rows.csv", "reward,stratum\n1,NaN\n", ":2: column stratum: NaN is not a whole number from 0 to 65535"},
	{"rows.csv", "reward,position\n1,65536\n", ":2: column position: 65536 is not a whole number from 0 to 65535"},
	{"rows.csv", "reward,a\n1,b\n1\n", ":3: the row has 1 cells, the header 2"},
	{"rows.csv", "reward,a\n1,b\n1,b,c\n", ":3: the row has 3 cells, the header 2"},
	{"rows.csv", "a,reward\nb,1\n1\n", ":3: the row has 1 cells, the header 2"},
	{"rows.csv", "a,reward\nb,1\nx,y,z\n", ":3: the row has 3 cells, the header 2"},
	{"rows.csv", "a,reward\nb,1\n\"x\",y,z\n", ":3: the row has 3 cells, the header 2"},
	{"rows.csv", "reward,a\n1,b\n\n1,b\n", ":3: the row has 1 cells, the header 2"},
	{"rows.csv", "reward,a\n1,b\n1,c", ":3: the last line has no end: the file may have been cut off"},
	{"rows.csv", "reward,a", ":1: the last line has no end: the file may have been cut off"},
	{"rows.csv", "", ": the file is empty"},
	{"rows.csv.gz", "", ": the file is empty"},
	{"rows.csv.zst", "", ": the file is empty"},
	{"rows.ndjson", "", ": the file is empty"},
	{"rows.dsjson", "", ": the file is empty"},
	{"rows.parquet", "", ": the file is empty"},
	{"rows.csv", "reward,a\n", ": there are no rows"},
	{"rows.csv", "action,pscore\n", ":1: there is no column reward; there are action, pscore"},
	{"rows.csv", "reward,a,a\n", `:1: there are two columns "a"`},
	{"rows.csv", "reward,,a\n", ":1: the name of column 2: no value"},
	{"rows.csv", "\xff\xfer\x00\n\x00", ":1: the text is UTF-16: save it as UTF-8"},
	{"rows.csv", "reward,a\xff\n1,2\n", `:1: the name of column 2: "a\xff" is not UTF-8`},
	{"rows.csv", "reward,action\n1,a\n1,\xff\n", `:3: column action: "\xff" is not UTF-8`},
	{"rows.csv", "reward,action\n1,a\x00\n", `:2: column action: "a\x00" is not a name: it has control characters`},
	{"rows.csv", "reward,a\n1,b\"c\n", `:2: a cell that is not quoted has a " in it`},
	{"rows.csv", "reward,a\n1,\"b\"c\n", `:2: after the closing " of a cell comes something other than a comma`},
	{"rows.csv", "reward,a\n1,\"b\nc\n", `:2: a cell's " is not closed`},
	{"rows.csv", "reward,a\n1,\"b\nc", `:2: a cell's " is not closed`},
	{"rows.csv", "\x00\x01\x02\n", `:1: the name of column 1: "\x00\x01\x02" is not a name: it has control characters`},
	{"rows.csv", "\x1f\x8b\x08\n", ":1: the file is compressed with gzip: its name should end in .gz"},
	{"rows.ndjson", "\x28\xb5\x2f\xfd\n", ":1: the file is compressed with zstd: its name should end in .zst"},
	{"rows.dsjson", "PAR1\n", ":1: this is a Parquet file: its name should end in .parquet"},

	{"rows.ndjson", `{"reward":1,"pscore":0.5}` + "\n" + `{"reward":1,"pscore":1.5}`,
		":2: column pscore: 1.5 is not a probability in (0,1]"},
	{"rows.jsonl", `{"reward":1,"pscore":0.5}` + "\n" + `{"reward":1}`, ":2: column pscore: no value"},
	{"rows.ndjson", `{"reward":null}`, ":1: column reward: no value"},
	{"rows.ndjson", `{"reward":"1"}`, `:1: column reward: "\"1\"" is not a number`},
	{"rows.ndjson", `{"reward":true}`, `:1: column reward: "true" is not a number`},
	{"rows.ndjson", `{"reward":1,"action":[1]}`, `:1: column action: "[1]" is not a string or a number`},
	{"rows.ndjson", `{"reward":1,"action":"7"}` + "\n" + `{"reward":1,"action":7}`,
		":2: column action: 7 is a number, those before were not"},
	{"rows.ndjson", `{"reward":1e999}`, `:1: column reward: "1e999" is not a number of 64 bits`},
	{"rows.ndjson", `{"reward":NaN}`, ":1: jsontext: invalid character 'N' at start of value within \"/reward\" after offset 10"},
	{"rows.ndjson", `{"reward":1,"reward":1}`, ":1: jsontext: duplicate object member name \"reward\""},
	{"rows.ndjson", `{"reward":1}` + "\n" + `{"reward":1`, ":2: the JSON object is cut off"},
	{"rows.ndjson", `{"reward":1}` + "\n" + `{"reward":1} {}`, ":2: after the JSON object comes another value"},
	{"rows.ndjson", `{"reward":1}` + "\n\n" + `{"reward":1}`, ":2: the JSON object is cut off"},
	{"rows.ndjson", `[1,2]`, ":1: the line is not a JSON object"},
	{"rows.ndjson", "{\"reward\":1,\"action\":\"\xff\"}", ":1: jsontext: invalid UTF-8 within \"/action\" after offset 22"},
	{"rows.ndjson", `{"action":1}`, ":1: there is no column reward; there are action"},

	{"rows.parquet", "reward\n1\n1\n1\n1\n", ": this is not a Parquet file"},
	{"rows.parquet", "PAR1", ": this is not a Parquet file"},
	{"rows.parquet", "PAR1 and then no more of it", ": the Parquet file is cut off"},
	{"rows.parquet", "PAR1 and then \xff\xff\xff\xffPAR1", ": the Parquet file is cut off"},
	{"rows.tsv", "reward\n", ": the name must end in .csv, .ndjson, .jsonl or .dsjson, perhaps with .gz or .zst after it, or in .parquet"},
	{"rows.parquet.gz", "PAR1", ": a Parquet file is compressed inside: decompress it first"},
}

func TestGarbageIsRefused(t *testing.T) {
	for _, c := range garbage {
		write := writeFile
		if c.text == "" { // An empty file is not one that decompresses to nothing.
			write = writeRaw
		}
		path := write(t, c.name, []byte(c.text))
		_, _, err := readAll(path, Options{})
		if err == nil {
			t.Errorf("%s %q was read", c.name, c.text)
			continue
		}
		if got, want := err.Error(), path+c.want; got != want {
			t.Errorf("%s %q:\ngot  %s\nwant %s", c.name, c.text, got, want)
		}
	}
}
