package redisstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/nextbest/nextbest/catalogue"
)

// revisionField counts the changes of a loop's catalogue. Ids of actions are not empty and do not begin with a NUL.
const revisionField = "\x00revision"

// catalogueKey is a hash of a loop's actions, a field per action.
func catalogueKey(loop string) string { return "nb:cat:{" + loop + "}" }

// Catalogue is a catalogue.Store in Redis.
type Catalogue struct{ store *Store }

var _ catalogue.Store = Catalogue{}

// Catalogue returns the store's catalogue.
func (s *Store) Catalogue() Catalogue { return Catalogue{s} }

// Put implements catalogue.Store.
func (c Catalogue) Put(ctx context.Context, loop string, actions []*catalogue.Action) error {
	key := catalogueKey(loop)
	pipe := c.store.client.TxPipeline()
	for _, a := range actions {
		b, err := json.Marshal(a)
		if err != nil {
			return err
		}
		pipe.HSet(ctx, key, a.ID, b)
	}
	pipe.HIncrBy(ctx, key, revisionField, 1)
	if _, err := pipe.Exec(ctx); err != nil {
		return storeError(ctx, "put catalogue", err)
	}
	return nil
}

// All implements catalogue.Store.
func (c Catalogue) All(ctx context.Context, loop string) (map[string]*catalogue.Action, string, error) {
	fields, err := c.store.client.HGetAll(ctx, catalogueKey(loop)).Result()
	if err != nil {
		return nil, "", storeError(ctx, "catalogue", err)
	}
	revision := fields[revisionField]
	delete(fields, revisionField)
	actions := make(map[string]*catalogue.Action, len(fields))
	for id, text := range fields {
		a := new(catalogue.Action)
		if err := json.Unmarshal([]byte(text), a); err != nil || a.ID != id || len(a.Versions) == 0 {
			return nil, "", storeError(ctx, "catalogue", fmt.Errorf("action %q of loop %s is damaged: %v", id, loop, err))
		}
		actions[id] = a
	}
	return actions, revision, nil
}

// Revision implements catalogue.Store.
func (c Catalogue) Revision(ctx context.Context, loop string) (string, error) {
	revision, err := c.store.client.HGet(ctx, catalogueKey(loop), revisionField).Result()
	if err != nil && err != redis.Nil {
		return "", storeError(ctx, "catalogue", err)
	}
	return revision, nil
}
