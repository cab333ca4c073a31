package controller

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"slowmo/pkg/component"
	"slowmo/pkg/controller/control"
)

// Run is the controller manager: it parses args and blocks until ctx ends or
// the Lease is lost.
func Run(ctx context.Context, args []string) error {
	o := NewOptions()
	if err := o.Parse(args); err != nil {
		return err
	}
	if err := o.Validate(); err != nil {
		return err
	}
	config, err := o.ClientConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(userAgent(config, "leader-election"))
	if err != nil {
		return err
	}
	listener, err := o.Serving.Listen()
	if err != nil {
		return err
	}
	events := component.NewEvents(context.WithoutCancel(ctx), client)
	defer events.Shutdown()
	component.ReleaseStartup()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return o.Serving.Serve(ctx, listener, config) })
	group.Go(func() error {
		return o.Election.Run(ctx, client, events.Recorder(Name, ""), func(ctx context.Context) error {
			return o.lead(ctx, config, events)
		})
	})
	return group.Wait()
}

// lead makes the controllers and runs them until ctx ends. When it returns nothing
// of it runs any more.
func (o *Options) lead(ctx context.Context, config *rest.Config, events *component.Events) error {
	entries, err := selected(o.Controllers)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(userAgent(config, "shared-informers"))
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(control.Strip))
	ctx, stop := context.WithCancel(ctx)
	defer factory.Shutdown() // waits for the informers, which end with ctx
	defer stop()

	var group errgroup.Group
	var envs []*control.Env
	run := make([]func() error, 0, len(entries))
	for _, e := range entries {
		own, login := config, func() error { return nil }
		if o.ServiceAccounts {
			own, login = asAccount(config, client.CoreV1().ServiceAccounts(metav1.NamespaceSystem), cmp.Or(e.account, e.name))
		}
		env, err := newEnv(own, e, factory, events)
		if err != nil {
			return err
		}
		controller, err := e.make(env, o)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		if controller == nil {
			continue // not asked for by the flags
		}
		envs = append(envs, env)
		run = append(run, func() error {
			if err := login(); err != nil {
				slog.Warn("a controller has no identity yet; its first write asks again", "controller", e.name, "err", err)
			}
			if !env.WaitForSync(ctx) {
				return nil
			}
			defer stop()
			if err := controller.Run(ctx); err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
			return nil
		})
	}
	factory.Start(ctx.Done())
	slog.Info("leading", "controllers", len(run))
	for _, controller := range run {
		group.Go(controller)
	}
	for _, env := range envs {
		env.WaitForSync(ctx)
	}
	component.ReleaseStartup()
	return group.Wait()
}

// newEnv gives a controller its own client, which names it to the server.
func newEnv(config *rest.Config, e entry, factory informers.SharedInformerFactory, events *component.Events) (*control.Env, error) {
	config = userAgent(config, e.name)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &control.Env{
		Client: client, Config: config, Informers: factory,
		Events: events.Recorder(cmp.Or(e.source, e.name), ""),
	}, nil
}

func userAgent(config *rest.Config, name string) *rest.Config {
	config = rest.CopyConfig(config)
	config.UserAgent = Name + "/" + name
	// What this process uses is deliberate; deprecations are for the person who
	// reads a client's output.
	config.WarningHandlerWithContext = rest.NoWarnings{}
	return config
}
