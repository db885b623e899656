package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// serverAddress is where a service that was started with the same environment answers.
func serverAddress() string {
	host, port, err := net.SplitHostPort(os.Getenv("HTTP_ADDR"))
	switch {
	case err != nil || port == "":
		host, port = "127.0.0.1", "8080"
	case host == "" || net.ParseIP(host).IsUnspecified(): // It listens on every address.
		host = "127.0.0.1"
	}
	return envOr("NEXTBEST_SERVER", "http://"+net.JoinHostPort(host, port))
}

// mostAnswer bounds what is read of an answer.
const mostAnswer = 64 << 20

// call asks the running service about the loop, at the parts of a path below it.
func (o *challengerOptions) call(cmd *cobra.Command, method string, request, answer proto.Message, parts ...string) error {
	if o.loop == "" {
		return usageError{errors.New("which loop? give its name with --loop")}
	}
	return callService(cmd, o.server, method, nil, request, answer, append([]string{"loops", o.loop}, parts...)...)
}

// callService asks the running service at an address, at the parts of a path below /v1.
func callService(cmd *cobra.Command, server, method string, query url.Values, request, answer proto.Message, parts ...string) error {
	address, err := url.Parse(server)
	if err != nil || address.Host == "" {
		return usageError{fmt.Errorf("--server must be an address like http://127.0.0.1:8080, not %q", server)}
	}
	path := []string{"v1"}
	for _, part := range parts {
		path = append(path, url.PathEscape(part))
	}
	body, err := bodyOf(request)
	if err != nil {
		return err
	}
	address = address.JoinPath(path...)
	address.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(cmd.Context(), method, address.String(), body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 30 * time.Second}
	response, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("ask the service: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // It was only read.
	b, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err != nil {
		return fmt.Errorf("read the service's answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return refusal(response.Status, b)
	}
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, answer)
}

func bodyOf(request proto.Message) (io.Reader, error) {
	if request == nil {
		return http.NoBody, nil
	}
	b, err := protojson.Marshal(request)
	return bytes.NewReader(b), err
}

// refusal is the service's own word on why not.
func refusal(status string, body []byte) error {
	var problem struct {
		Reason string `json:"reason"`
		Detail string `json:"detail"`
		Title  string `json:"title"`
	}
	if json.Unmarshal(body, &problem) != nil || problem.Reason == "" {
		return fmt.Errorf("the service answered %s", status)
	}
	return fmt.Errorf("%s (%s)", or(problem.Detail, problem.Title), problem.Reason)
}
