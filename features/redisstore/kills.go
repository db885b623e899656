package redisstore

import (
	"context"
)

// killsKey is a hash of what is switched off, a field per target; the field killsThere says that the hash is no loss.
const (
	killsKey   = "nb:kill"
	killsThere = "@"
)

// Kills returns what is switched off by target, and false when Redis knows nothing of it.
func (s *Store) Kills(ctx context.Context) (map[string]string, bool, error) {
	all, err := s.client.HGetAll(ctx, killsKey).Result()
	if err != nil {
		return nil, false, storeError(ctx, "kills", err)
	}
	_, there := all[killsThere]
	delete(all, killsThere)
	return all, there, nil
}

// SetKill switches a target off for all processes.
func (s *Store) SetKill(ctx context.Context, target, text string) error {
	if err := s.client.HSet(ctx, killsKey, killsThere, "1", target, text).Err(); err != nil {
		return storeError(ctx, "kill", err)
	}
	return nil
}

// LiftKill switches a target on again for all processes.
func (s *Store) LiftKill(ctx context.Context, target string) error {
	pipe := s.client.TxPipeline()
	pipe.HSet(ctx, killsKey, killsThere, "1")
	pipe.HDel(ctx, killsKey, target)
	if _, err := pipe.Exec(ctx); err != nil {
		return storeError(ctx, "lift", err)
	}
	return nil
}
