package apiserver

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"slowmo/pkg/api"
	"slowmo/pkg/api/all"
	"slowmo/pkg/api/core/podsecurity"
	"slowmo/pkg/apiserver/admission"
	"slowmo/pkg/apiserver/allocate"
	"slowmo/pkg/apiserver/audit"
	"slowmo/pkg/apiserver/authn"
	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/bootstrap"
	"slowmo/pkg/apiserver/connect"
	"slowmo/pkg/apiserver/fairness"
	"slowmo/pkg/apiserver/openapi"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/rest"
	"slowmo/pkg/component"
	"slowmo/pkg/etcd"
	"slowmo/pkg/storage"
)

// Main parses args and runs the server until ctx ends.
func Main(ctx context.Context, args []string) error {
	flags := component.NewFlags("kube-apiserver", "the Kubernetes API, with its own etcd inside")
	o := NewOptions()
	o.AddTo(flags)
	if err := flags.MarkHidden("kubeconfig"); err != nil {
		return err
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.Changed("kubeconfig") {
		return component.Usagef("--kubeconfig is not for the API server: it is what others reach it with")
	}
	if err := o.Validate(); err != nil {
		return err
	}
	o.Flags = map[string]string{}
	flags.VisitAll(func(flag *pflag.Flag) { o.Flags[flag.Name] = flag.Value.String() })
	tuneGC()
	return Run(ctx, o)
}

// process is a running server and what it stands on, in the order of the start.
type process struct {
	*Options
	ranges   *allocate.Services
	identity *identity
	listener net.Listener
	etcd     etcdBackend
	store    *storage.Store

	resources []*api.Resource
	address   string
	audit     *audit.Log                    // nil: none is written
	tracer    tracer                        // without a provider nothing is traced
	followers []func(context.Context) error // run beside the server
}

// etcdBackend is an embedded member or a client of servers outside.
type etcdBackend interface {
	Etcd() storage.Etcd
	Size(ctx context.Context) (int64, error)
	Close() error
}

// Run starts everything, serves until ctx ends, and stops everything in the
// reverse order.
func Run(ctx context.Context, o *Options) error {
	started := time.Now()
	p := &process{Options: o}
	podsecurity.AllowPrivileged.Store(o.AllowPrivileged)
	advertised, err := o.advertised()
	if err != nil {
		return err
	}
	p.address = net.JoinHostPort(advertised.String(), fmt.Sprint(o.SecurePort))
	ranges, err := o.serviceRanges()
	if err != nil {
		return err
	}
	if p.identity, err = o.newIdentity(advertised, ranges[0].Addr().Next()); err != nil {
		return err
	}
	if p.audit, err = o.openAudit(); err != nil {
		return err
	}
	if p.audit != nil {
		defer p.audit.Close()
	}
	if p.tracer, err = o.openTracer(ctx); err != nil {
		return err
	}
	defer p.tracer.close()
	if p.listener, err = o.listen(); err != nil {
		return err
	}
	defer p.listener.Close()
	if p.etcd, err = o.openEtcd(ctx); err != nil {
		return err
	}
	defer func() {
		if err := p.etcd.Close(); err != nil {
			slog.Error("closing etcd", "error", err)
		}
	}()
	backend := p.etcd.Etcd()
	backend.Observe = observeEtcd
	stored := o.stored()
	p.resources = o.served(stored)
	if p.store, err = storage.Open(ctx, backend, append(stored, allocate.NodePort)); err != nil {
		return err
	}
	return p.withStore(ctx, func(ctx context.Context) error {
		server, err := p.newServer(ctx)
		if err != nil {
			return err
		}
		slog.Info("serving", "address", p.listener.Addr(), "version", component.Version, "after", time.Since(started).Round(time.Millisecond))
		return p.beside(ctx, func(ctx context.Context) error { return server.Run(ctx, p.listener) })
	})
}

// openAudit returns nil if no log is wanted. A policy is read all the same: what
// is wrong with it is better said before it is needed.
func (o *Options) openAudit() (*audit.Log, error) {
	config := audit.Config{Path: o.AuditLogPath, MaxSize: o.AuditMaxSize, MaxBackups: o.AuditMaxBackups, MaxAge: o.AuditMaxAge}
	if o.AuditPolicyFile != "" {
		var err error
		if config.Policy, err = audit.ReadPolicy(o.AuditPolicyFile); err != nil {
			return nil, component.Usagef("--audit-policy-file: %w", err)
		}
	}
	if o.AuditLogPath == "" {
		return nil, nil
	}
	return audit.Open(config)
}

// withStore keeps the store following etcd until work has returned.
func (p *process) withStore(ctx context.Context, work func(context.Context) error) error {
	storeCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	group, groupCtx := errgroup.WithContext(storeCtx)
	group.Go(func() error { return ignoreCanceled(storeCtx, p.store.Run(groupCtx)) })
	group.Go(func() error { return p.watchEtcd(groupCtx) })
	group.Go(func() error {
		defer stop()
		workCtx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		// A store that fails takes the server with it.
		defer context.AfterFunc(groupCtx, func() { cancel(context.Cause(groupCtx)) })()
		return work(workCtx)
	})
	return group.Wait()
}

// watchEtcd returns when the embedded member stops by itself, or ctx ends.
func (p *process) watchEtcd(ctx context.Context) error {
	member, ok := p.etcd.(*etcd.Member)
	if !ok {
		return nil
	}
	select {
	case err := <-member.Failed():
		if ctx.Err() == nil {
			return fmt.Errorf("etcd stopped: %w", err)
		}
	case <-ctx.Done():
	}
	return nil
}

// beside runs the followers while work runs.
func (p *process) beside(ctx context.Context, work func(context.Context) error) error {
	followCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	group, groupCtx := errgroup.WithContext(followCtx)
	for _, follow := range p.followers {
		group.Go(func() error { return ignoreCanceled(followCtx, follow(groupCtx)) })
	}
	group.Go(func() error {
		defer stop()
		return work(ctx)
	})
	return group.Wait()
}

// ignoreCanceled is for what ends because it was told to.
func ignoreCanceled(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (o *Options) openEtcd(ctx context.Context) (etcdBackend, error) {
	if len(o.EtcdServers) == 0 {
		return etcd.Start(ctx, etcd.NewConfig(o.DataDir))
	}
	tls, err := o.etcdTLS()
	if err != nil {
		return nil, err
	}
	return etcd.Dial(o.EtcdServers, tls)
}

func (p *process) newServer(ctx context.Context) (*Server, error) {
	authorizer, policy, err := p.authorizer(ctx)
	if err != nil {
		return nil, err
	}
	authenticator, tokens, err := p.authenticator()
	if err != nil {
		return nil, err
	}
	var escalation *authz.Escalation
	if policy != nil {
		escalation = &authz.Escalation{Policy: policy, Authorizer: authorizer}
	}
	admit, err := admission.New(admission.Config{Store: p.store, Authorizer: authorizer, Escalation: escalation, Enable: p.EnableAdmission, Disable: p.DisableAdmission})
	if err != nil {
		return nil, &component.UsageError{Err: err}
	}
	schemas := fairness.NewSchemas(p.store)
	if err := schemas.Load(ctx); err != nil {
		return nil, err
	}
	p.followers = append(p.followers, schemas.Run)
	if p.ranges, err = p.newRanges(); err != nil {
		return nil, err
	}
	routes := tokens.routes
	documents := openapi.New(p.resources, all.Scheme(), component.Version)
	routes["/openapi/v2"], routes["/openapi/v3"], routes["/openapi/v3/"] = documents, documents, documents
	reviews := &authz.Reviews{Authorizer: authorizer, Policy: policy}
	return New(Config{
		Resources: p.resources, Scheme: all.Scheme(), Store: p.store, StorageSize: p.etcd.Size,
		Authenticator: authenticator, Authorizer: authorizer, Admission: admit,
		Listers: map[string]rest.Lister{"componentstatuses": componentStatuses(p.store.Ready)},
		Actions: map[string]rest.Action{
			"tokenreviews.authentication.k8s.io":             (&authn.TokenReviews{Bearer: tokens.bearer}).Create,
			"selfsubjectreviews.authentication.k8s.io":       authn.SelfSubjectReview,
			"selfsubjectaccessreviews.authorization.k8s.io":  reviews.Self,
			"selfsubjectrulesreviews.authorization.k8s.io":   reviews.SelfRules,
			"subjectaccessreviews.authorization.k8s.io":      reviews.Subject,
			"localsubjectaccessreviews.authorization.k8s.io": reviews.LocalSubject,
			"serviceaccounts/token":                          (&authn.TokenRequests{Issuer: tokens.issuer, Store: p.store, MaxExpiration: p.MaxTokenExpiration, Extend: p.ExtendTokens}).Create,
		},
		Companions: map[string]rest.Companion{"services": p.ranges},
		Connectors: connect.New(connect.Config{Store: p.store, Authorizer: authorizer,
			KubeletClient: p.identity.kubeletClient, KubeletCA: p.identity.kubeletCA}),
		Auditor:     p.auditor(),
		Tracer:      p.tracer.TracerProvider,
		Schemas:     schemas,
		Routes:      routes,
		Address:     p.address,
		TLS:         p.identity.tlsConfig(),
		MaxRequests: p.MaxRequests, MaxMutating: p.MaxMutating,
		Profiling: p.Profiling, Flags: p.Flags, ShutdownDelay: p.ShutdownDelay,
		PostStart: []Hook{{Name: "bootstrap", Run: p.bootstrap}},
	})
}

// auditor returns nil, and no typed nil, without a log.
func (p *process) auditor() request.Auditor {
	if p.audit == nil {
		return nil
	}
	return p.audit
}

func (p *process) newRanges() (*allocate.Services, error) {
	ranges, err := p.serviceRanges()
	if err != nil {
		return nil, err
	}
	first, last, err := p.nodePorts()
	if err != nil {
		return nil, err
	}
	return allocate.New(p.store, ranges, first, last)
}

// bootstrap puts what every cluster has into the store.
func (p *process) bootstrap(ctx context.Context) error {
	advertised, err := p.advertised()
	if err != nil {
		return err
	}
	if err := p.ranges.Repair(ctx); err != nil {
		return err
	}
	ranges, err := p.serviceRanges()
	if err != nil {
		return err
	}
	return bootstrap.Run(ctx, bootstrap.Config{Store: p.store, Resources: p.resources, AdvertiseAddress: advertised, SecurePort: p.SecurePort,
		ServiceIP: p.ranges.First(), Services: p.ranges, ServiceRanges: ranges, ClientCA: p.identity.clientCA, RBAC: slices.Contains(p.AuthorizationModes, "RBAC")})
}

// authorizer makes the chain of --authorization-mode. policy is nil without RBAC.
func (p *process) authorizer(ctx context.Context) (chain authz.Chain, policy *authz.Policy, err error) {
	chain = authz.Chain{authz.Masters{}}
	for _, mode := range p.AuthorizationModes {
		switch mode {
		case "Node":
			node, err := authz.NewNode(ctx, p.store, bootstrap.NodeRules())
			if err != nil {
				return nil, nil, err
			}
			chain, p.followers = append(chain, node), append(p.followers, node.Run)
		case "RBAC":
			rbac, err := authz.NewRBAC(ctx, p.store)
			if err != nil {
				return nil, nil, err
			}
			policy = rbac.Policy
			chain, p.followers = append(chain, authz.Named{Name: "rbac", Authorizer: rbac}), append(p.followers, rbac.Run)
		case "AlwaysAllow":
			chain = append(chain, authz.AlwaysAllow{})
		case "AlwaysDeny":
			chain = append(chain, authz.Named{Name: "alwaysdeny", Authorizer: authz.AlwaysDeny{}})
		}
	}
	return chain, policy, nil
}

// tokens is what the server does with tokens.
type tokens struct {
	bearer authn.Bearer
	issuer *authn.Issuer
	routes map[string]http.Handler
}

func (p *process) authenticator() (request.Authenticator, *tokens, error) {
	audiences := p.APIAudiences
	if len(audiences) == 0 {
		audiences = p.ServiceAccountIssuers
	}
	issuer, err := authn.NewIssuer(p.ServiceAccountIssuers[0], audiences, p.identity.signing, p.identity.verifying...)
	if err != nil {
		return nil, nil, err
	}
	issuer.Others = p.ServiceAccountIssuers[1:]
	keys, err := issuer.Discovery("https://" + p.address + "/openid/v1/jwks")
	if err != nil {
		return nil, nil, err
	}
	bearer := authn.Bearer{Audiences: audiences}
	if p.TokenAuthFile != "" {
		file, err := authn.ReadTokenFile(p.TokenAuthFile)
		if err != nil {
			return nil, nil, &component.UsageError{Err: err}
		}
		bearer.Tokens = append(bearer.Tokens, file)
	}
	bearer.Tokens = append(bearer.Tokens, authn.NewServiceAccounts(issuer, p.store), &authn.LegacyTokens{Issuer: issuer, Store: p.store})
	if p.BootstrapTokens {
		bearer.Tokens = append(bearer.Tokens, &authn.BootstrapTokens{Store: p.store})
	}
	union := authn.Union{authn.NewClientCertificates(p.identity.roots), bearer}
	return union, &tokens{bearer: bearer, issuer: issuer,
		routes: map[string]http.Handler{"/.well-known/openid-configuration": keys, "/openid/v1/jwks": keys}}, nil
}
