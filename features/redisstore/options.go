package redisstore

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Options configure a Store. Every field but URL has a default.
type Options struct {
	// URL says where Redis is:
	//
	//	redis://USER:PASSWORD@HOST:PORT/DB          one server; rediss:// with TLS
	//	unix:///PATH/TO/SOCKET                      one server
	//	redis://HOST:PORT,HOST:PORT,...             the seeds of a cluster; a bare list of addresses as well
	//	redis://HOST:PORT?cluster=true              a cluster with one seed
	//	redis://HOST:PORT,...?master_name=NAME      sentinels; sentinel_username and sentinel_password are theirs
	//
	// Further query parameters are those of go-redis' ParseURL (pool_size, skip_verify, ...). Others are errors.
	URL string
	// Timeout ends what Redis does not answer, whatever longer deadline the caller has. Default 100 ms: many times
	// what a Redis in reach takes, and short enough that a hung one is found out soon.
	Timeout time.Duration
	// DialTimeout ends a connection attempt. Default 250 ms: TLS takes three round trips. Callers do not wait so long
	// when their deadline is shorter; the attempt goes on for the next one.
	DialTimeout time.Duration
	// BreakAfter is how many calls in a row have to fail before calls fail at once. Default 5.
	BreakAfter int
	// ProbeEvery is how often Redis is then asked whether it is back. Default 200 ms.
	ProbeEvery time.Duration
	// QueueLimit bounds the calls that wait for a pipeline. Default 4096.
	QueueLimit int
	// Logger is told when Redis stops answering, and when it answers again. Default: discard.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	setDefault(&o.Timeout, 100*time.Millisecond)
	setDefault(&o.DialTimeout, 250*time.Millisecond)
	setDefault(&o.BreakAfter, 5)
	setDefault(&o.ProbeEvery, 200*time.Millisecond)
	setDefault(&o.QueueLimit, 4096)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Validate returns what is wrong with the options.
func (o Options) Validate() error {
	if o.Timeout < 0 || o.DialTimeout < 0 || o.BreakAfter < 0 || o.ProbeEvery < 0 || o.QueueLimit < 0 {
		return errors.New("redis: limits and times cannot be negative")
	}
	_, err := parseURL(o.URL)
	return err
}

// stateReloadInterval is how soon a cluster client finds out about a failover by itself. go-redis' default of a minute
// left callers of a dead master failing for over 14 s after a replica was promoted (redis/go-redis#3979).
const stateReloadInterval = 500 * time.Millisecond

// newClient makes a client that ends its calls by their deadline. go-redis' defaults do not: they ignore the context's
// deadline, and retry dials and commands for seconds.
func newClient(o Options) (redis.UniversalClient, error) {
	u, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	u.ContextTimeoutEnabled = true
	u.DialTimeout, u.DialerRetries = o.DialTimeout, 1
	u.ReadTimeout, u.WriteTimeout, u.PoolTimeout = o.Timeout, o.Timeout, o.Timeout
	u.MaxRetries = -1
	u.DisableIdentity = true // one command less per connection
	u.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if u.MasterName == "" && u.IsClusterMode {
		c := u.Cluster()
		c.ClusterStateReloadInterval = stateReloadInterval
		return redis.NewClusterClient(c), nil
	}
	return redis.NewUniversalClient(u), nil
}

// parseURL reads an Options.URL. Its errors do not repeat the URL, which may hold a password.
func parseURL(raw string) (*redis.UniversalOptions, error) {
	if raw == "" {
		return nil, errors.New("redis: no URL")
	}
	if !strings.Contains(raw, "://") {
		raw = "redis://" + raw
	}
	first, others := cutHosts(raw)
	parsed, err := url.Parse(first)
	if err != nil {
		return nil, fmt.Errorf("redis: the URL is malformed: %w", errors.Unwrap(err))
	}
	query := parsed.Query()
	take := func(name string) string {
		v := query.Get(name)
		query.Del(name)
		return v
	}
	u := &redis.UniversalOptions{
		MasterName:       take("master_name"),
		SentinelUsername: take("sentinel_username"),
		SentinelPassword: take("sentinel_password"),
	}
	switch cluster := take("cluster"); cluster {
	case "", "true", "false":
		u.IsClusterMode = u.MasterName == "" && (cluster == "true" || len(others) > 0)
	default:
		return nil, fmt.Errorf("redis: cluster=%q is neither true nor false", cluster)
	}
	parsed.RawQuery = query.Encode()
	single, err := redis.ParseURL(parsed.String())
	if err != nil {
		return nil, fmt.Errorf("redis: the URL is malformed: %w", err)
	}
	for _, host := range others {
		if _, _, err := net.SplitHostPort(host); err != nil {
			return nil, fmt.Errorf("redis: address %q: %w", host, err)
		}
	}
	u.Addrs = append([]string{single.Addr}, others...)
	copySingle(u, single)
	if u.IsClusterMode && u.DB != 0 {
		return nil, errors.New("redis: a cluster has no databases but 0")
	}
	return u, nil
}

// copySingle takes over what a URL can say about connections to one server.
func copySingle(u *redis.UniversalOptions, o *redis.Options) {
	u.Username, u.Password, u.DB, u.Protocol, u.ClientName = o.Username, o.Password, o.DB, o.Protocol, o.ClientName
	u.PoolSize, u.MinIdleConns, u.MaxIdleConns, u.MaxActiveConns = o.PoolSize, o.MinIdleConns, o.MaxIdleConns, o.MaxActiveConns
	u.ConnMaxIdleTime, u.ConnMaxLifetime, u.PoolFIFO = o.ConnMaxIdleTime, o.ConnMaxLifetime, o.PoolFIFO
	u.TLSConfig = o.TLSConfig
	if u.TLSConfig != nil && (u.IsClusterMode || u.MasterName != "") {
		u.TLSConfig.ServerName = "" // each node is its own
	}
}

// cutHosts splits "scheme://user@a:1,b:2/rest" into "scheme://user@a:1/rest" and [b:2].
func cutHosts(raw string) (string, []string) {
	scheme, rest, _ := strings.Cut(raw, "://")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority, tail := rest[:end], rest[end:]
	userinfo := ""
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		userinfo, authority = authority[:at+1], authority[at+1:]
	}
	hosts := strings.Split(authority, ",")
	return scheme + "://" + userinfo + hosts[0] + tail, hosts[1:]
}
