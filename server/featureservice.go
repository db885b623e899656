package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nextbest/nextbest/features"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// stampSuffix names the field beside a feature that holds when it was written, in unix seconds.
const stampSuffix = "@at"

// featureService answers nextbest.v1.FeatureService.
type featureService struct {
	nextbestv1.UnimplementedFeatureServiceServer
	deps Deps
}

// PutUserFeatures implements nextbestv1.FeatureServiceServer. Features that can grow stale in some loop are stamped
// with the time, unless the caller gives the stamp: an older stamp would otherwise make the new value look stale.
func (s *featureService) PutUserFeatures(ctx context.Context, m *nextbestv1.PutUserFeaturesRequest) (*nextbestv1.PutUserFeaturesResponse, error) {
	set, err := setOf("features", m.GetFeatures())
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(m.GetFeatures())) {
		if set.Get(name).Kind() == features.Missing {
			return nil, invalid("features."+name, "is null, and single features cannot be deleted")
		}
	}
	values := make(map[string]string, len(set))
	for _, f := range set {
		values[f.Name] = features.FormatValue(f.Value)
	}
	s.stamp(values)
	if err := s.deps.Features.Put(ctx, m.GetUserId(), values); err != nil {
		return nil, storeFailure("put user features", err)
	}
	return &nextbestv1.PutUserFeaturesResponse{}, nil
}

func (s *featureService) stamp(values map[string]string) {
	now := strconv.FormatInt(s.deps.Now().Unix(), 10)
	for _, name := range s.deps.Loops.Loops() {
		def, ok := s.deps.Loops.Definition(name)
		if !ok {
			continue
		}
		for _, f := range def.Loop.Schema.User {
			_, put := values[f.Name]
			_, stamped := values[f.Name+stampSuffix]
			if f.MaxAge > 0 && put && !stamped {
				values[f.Name+stampSuffix] = now
			}
		}
	}
}

// GetUserFeatures implements nextbestv1.FeatureServiceServer.
func (s *featureService) GetUserFeatures(ctx context.Context, m *nextbestv1.GetUserFeaturesRequest) (*nextbestv1.UserFeatures, error) {
	values, err := s.deps.Features.All(ctx, m.GetUserId())
	if err != nil {
		return nil, storeFailure("get user features", err)
	}
	return &nextbestv1.UserFeatures{UserId: m.GetUserId(), Features: readable(values)}, nil
}

// storeFailure tells what trying again can mend from what it cannot. Of the store's error only the reason is public.
func storeFailure(attempted string, err error) error {
	reason := FeaturesUnavailable
	detail := ""
	var stored *features.StoreError
	if errors.As(err, &stored) {
		if stored.Reason == features.ReasonTooLarge || stored.Reason == features.ReasonWrongType {
			reason = FeaturesUnreadable
		}
		detail = reason.meaning().title + " (" + stored.Reason + ")"
	}
	return &failure{reason: reason, detail: detail, cause: fmt.Errorf("%s: %w", attempted, err)}
}

// readable replaces what is not UTF-8, which no message can hold. The service writes no such values, but other pipelines
// may.
func readable(values map[string]string) map[string]string {
	const unknown = "\uFFFD"
	clean := make(map[string]string, len(values))
	for name, value := range values {
		clean[strings.ToValidUTF8(name, unknown)] = strings.ToValidUTF8(value, unknown)
	}
	return clean
}

// DeleteUserFeatures implements nextbestv1.FeatureServiceServer.
func (s *featureService) DeleteUserFeatures(ctx context.Context, m *nextbestv1.DeleteUserFeaturesRequest) (*nextbestv1.DeleteUserFeaturesResponse, error) {
	if err := s.deps.Features.Delete(ctx, m.GetUserId()); err != nil {
		return nil, storeFailure("delete user features", err)
	}
	return &nextbestv1.DeleteUserFeaturesResponse{}, nil
}
