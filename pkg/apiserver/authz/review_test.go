package authz

import (
	"context"
	"slices"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/apiserver/request"
)

func TestUnreadSelectors(t *testing.T) {
	fields := func(f authorizationv1.FieldSelectorAttributes) *authorizationv1.ResourceAttributes {
		return &authorizationv1.ResourceAttributes{FieldSelector: &f}
	}
	labels := func(l authorizationv1.LabelSelectorAttributes) *authorizationv1.ResourceAttributes {
		return &authorizationv1.ResourceAttributes{LabelSelector: &l}
	}
	in := metav1.FieldSelectorRequirement{Key: "a", Operator: metav1.FieldSelectorOpIn, Values: []string{"b"}}
	twice := metav1.FieldSelectorRequirement{Key: "a", Operator: metav1.FieldSelectorOpIn, Values: []string{"b", "c"}}
	known := metav1.LabelSelectorRequirement{Key: "a", Operator: metav1.LabelSelectorOpExists}
	unknown := metav1.LabelSelectorRequirement{Key: "a", Operator: "Foo"}
	for _, test := range []struct {
		attributes *authorizationv1.ResourceAttributes
		want       string
	}{
		{nil, ""},
		{&authorizationv1.ResourceAttributes{}, ""},
		{fields(authorizationv1.FieldSelectorAttributes{Requirements: []metav1.FieldSelectorRequirement{in}}), ""},
		{fields(authorizationv1.FieldSelectorAttributes{Requirements: []metav1.FieldSelectorRequirement{in, twice}}), "spec.resourceAttributes.fieldSelector partially ignored due to parse error"},
		{fields(authorizationv1.FieldSelectorAttributes{Requirements: []metav1.FieldSelectorRequirement{twice}}), "spec.resourceAttributes.fieldSelector ignored due to parse error"},
		{fields(authorizationv1.FieldSelectorAttributes{RawSelector: "a"}), "spec.resourceAttributes.fieldSelector ignored due to parse error"},
		{labels(authorizationv1.LabelSelectorAttributes{RawSelector: "a in (b)"}), ""},
		{labels(authorizationv1.LabelSelectorAttributes{RawSelector: "a b"}), "spec.resourceAttributes.labelSelector ignored due to parse error"},
		{labels(authorizationv1.LabelSelectorAttributes{Requirements: []metav1.LabelSelectorRequirement{known, unknown}}), "spec.resourceAttributes.labelSelector partially ignored due to parse error"},
	} {
		var want []string
		if test.want != "" {
			want = []string{test.want}
		}
		if got := unread(test.attributes); !slices.Equal(got, want) {
			t.Errorf("%+v: %q, want %q", test.attributes, got, want)
		}
	}
}

// TestNamed: a reason has the name of whose it is, unless that decided.
func TestNamed(t *testing.T) {
	question := &request.Authorization{User: &request.User{Name: "bob"}, Info: &request.Info{}}
	_, reason, err := Named{"alwaysdeny", AlwaysDeny{}}.Authorize(context.Background(), question)
	if want := "alwaysdeny: Everything is forbidden."; reason != want || err != nil {
		t.Errorf("%q, %v, want %q", reason, err, want)
	}
	if decision, reason, _ := (Named{"alwaysallow", AlwaysAllow{}}).Authorize(context.Background(), question); decision != request.Allow || reason != "" {
		t.Errorf("%v %q", decision, reason)
	}
}
