package server

import (
	"net/http"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
)

// routes are the API's paths over REST, as the .proto files annotate them. They say which methods a path has, which an
// answer to a wrong one must name; the gateway does not.
type routes []route

type route struct {
	method string
	parts  []string // "{...}" stands for any
}

func routesOf(services []service) routes {
	var all routes
	for _, s := range services {
		methods := s.descriptor.Methods()
		for i := range methods.Len() {
			rule, ok := proto.GetExtension(methods.Get(i).Options(), annotations.E_Http).(*annotations.HttpRule)
			if !ok {
				continue
			}
			if method, path := pattern(rule); path != "" {
				all = append(all, route{method, strings.Split(path, "/")})
			}
		}
	}
	return all
}

func pattern(rule *annotations.HttpRule) (method, path string) {
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Put:
		return http.MethodPut, p.Put
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, p.Patch
	}
	return "", ""
}

// methods returns the methods that an escaped path has, sorted.
func (rs routes) methods(path string) []string {
	parts := strings.Split(path, "/")
	var methods []string
	for _, r := range rs {
		if slices.EqualFunc(r.parts, parts, matches) {
			methods = append(methods, r.method)
		}
	}
	slices.Sort(methods)
	return methods
}

func matches(pattern, part string) bool { return strings.HasPrefix(pattern, "{") || pattern == part }
