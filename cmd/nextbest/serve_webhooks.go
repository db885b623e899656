package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/nextbest/nextbest/inbound"
	"github.com/nextbest/nextbest/loop"
)

// openWebhooks reads the webhook files, nil when there are none.
func openWebhooks(path string) (*inbound.Sources, error) {
	if path == "" {
		return nil, nil
	}
	config, err := inbound.Load(path)
	if err != nil {
		return nil, err
	}
	return config.Open(inbound.Secrets{Env: os.LookupEnv, File: os.ReadFile}, newSNSFetcher())
}

// snsFetcher gets what Amazon SNS has for its subscribers, over TLS.
type snsFetcher struct{ client *http.Client }

var _ inbound.Fetcher = (*snsFetcher)(nil)

// maxFetched bounds what is read: a certificate has some 2 KB.
const maxFetched = 64 << 10

func newSNSFetcher() *snsFetcher {
	return &snsFetcher{&http.Client{
		Timeout:       5 * time.Second, // SNS waits 15 s for its answer
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it redirects, which SNS does not") },
	}}
}

// Fetch implements inbound.Fetcher.
func (f *snsFetcher) Fetch(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := f.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, maxFetched))
}

// addWebhooks adds what checking webhook files came to; "" for none.
func (r *checkReport) addWebhooks(path string) {
	if path == "" {
		return
	}
	_, err := inbound.Load(path)
	f := checkedFile{File: path, OK: err == nil, Problems: []loop.Problem{}}
	var problems inbound.FileProblems
	errors.As(err, &problems)
	for _, p := range problems {
		f.Problems = append(f.Problems, loop.Problem(p))
	}
	r.OK = r.OK && f.OK
	r.Webhooks = append(r.Webhooks, f)
}
