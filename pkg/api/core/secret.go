package core

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// Secret is the resource secrets.
//
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1/
var Secret = &api.Resource{
	Version:    "v1",
	Kind:       "Secret",
	Plural:     "secrets",
	Singular:   "secret",
	Namespaced: true,
	New:        func() api.Object { return &corev1.Secret{} },
	NewList:    func() runtime.Object { return &corev1.SecretList{} },

	Default:             defaultSecret,
	Validate:            validateSecret,
	ValidateUpdate:      validateSecretUpdate,
	Warnings:            secretWarnings,
	UnconditionalUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Type", "string", corev1.Secret{}.SwaggerDoc()["type"]),
		api.Column("Data", "string", corev1.Secret{}.SwaggerDoc()["data"]),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		s := obj.(*corev1.Secret)
		return []any{s.Name, string(s.Type), int64(len(s.Data)), api.Age(s.CreationTimestamp, now)}
	},

	Fields:     func(obj api.Object) fields.Set { return fields.Set{"type": string(obj.(*corev1.Secret).Type)} },
	FieldNames: []string{"type"},
}

// defaultSecret moves stringData, which can only be written, into data.
func defaultSecret(obj api.Object) {
	s := obj.(*corev1.Secret)
	for key, value := range s.StringData {
		if s.Data == nil {
			s.Data = map[string][]byte{}
		}
		s.Data[key] = []byte(value)
	}
	s.StringData = nil
	emptyNulls(s.Data)
	if s.Type == "" {
		s.Type = corev1.SecretTypeOpaque
	}
}

func validateSecret(obj api.Object) (errs field.ErrorList) {
	s := obj.(*corev1.Secret)
	data := field.NewPath("data")
	size := 0
	for _, key := range slices.Sorted(maps.Keys(s.Data)) {
		errs = append(errs, validateDataKey(key, data)...)
		size += len(s.Data[key])
	}
	if size > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(data, "", corev1.MaxSecretSize))
	}
	return append(errs, validateSecretType(s, data)...)
}

// validateSecretType holds what each type promises to its readers.
func validateSecretType(s *corev1.Secret, data *field.Path) (errs field.ErrorList) {
	has := func(key string) bool { _, ok := s.Data[key]; return ok }
	switch s.Type {
	case corev1.SecretTypeServiceAccountToken:
		if s.Annotations[corev1.ServiceAccountNameKey] == "" {
			errs = append(errs, field.Required(field.NewPath("metadata", "annotations").Key(corev1.ServiceAccountNameKey), ""))
		}
	case corev1.SecretTypeDockercfg:
		errs = append(errs, validateJSONKey(s, corev1.DockerConfigKey, data)...)
	case corev1.SecretTypeDockerConfigJson:
		errs = append(errs, validateJSONKey(s, corev1.DockerConfigJsonKey, data)...)
	case corev1.SecretTypeBasicAuth:
		if !has(corev1.BasicAuthUsernameKey) && !has(corev1.BasicAuthPasswordKey) {
			errs = append(errs, field.Required(data.Key(corev1.BasicAuthUsernameKey), ""),
				field.Required(data.Key(corev1.BasicAuthPasswordKey), ""))
		}
	case corev1.SecretTypeSSHAuth:
		if len(s.Data[corev1.SSHAuthPrivateKey]) == 0 {
			errs = append(errs, field.Required(data.Key(corev1.SSHAuthPrivateKey), ""))
		}
	case corev1.SecretTypeTLS:
		for _, key := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey} {
			if !has(key) {
				errs = append(errs, field.Required(data.Key(key), ""))
			}
		}
	}
	return errs
}

func validateJSONKey(s *corev1.Secret, key string, data *field.Path) field.ErrorList {
	content, ok := s.Data[key]
	if !ok {
		return field.ErrorList{field.Required(data.Key(key), "")}
	}
	if err := json.Unmarshal(content, &map[string]any{}); err != nil {
		return field.ErrorList{field.Invalid(data.Key(key), "<secret contents redacted>", err.Error())}
	}
	return nil
}

func validateSecretUpdate(obj, old api.Object) field.ErrorList {
	s, before := obj.(*corev1.Secret), old.(*corev1.Secret)
	errs := apivalidation.ValidateImmutableField(s.Type, before.Type, field.NewPath("type"))
	if before.Immutable != nil && *before.Immutable {
		if s.Immutable == nil || !*s.Immutable {
			errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutableMessage))
		}
		if !reflect.DeepEqual(s.Data, before.Data) {
			errs = append(errs, field.Forbidden(field.NewPath("data"), immutableMessage))
		}
	}
	return append(errs, validateSecret(obj)...)
}

// secretWarnings says if a certificate and its key would be of no use together.
func secretWarnings(_ context.Context, obj, _ api.Object) []string {
	s := obj.(*corev1.Secret)
	if s.Type != corev1.SecretTypeTLS {
		return nil
	}
	if _, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey]); err != nil {
		return []string{err.Error()}
	}
	return nil
}
