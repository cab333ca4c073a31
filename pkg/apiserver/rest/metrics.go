package rest

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"slowmo/pkg/component"
)

var watchEvents = promauto.With(component.Registry).NewCounterVec(prometheus.CounterOpts{
	Name: "apiserver_watch_events_total", Help: "Events sent to watchers.",
}, []string{"group", "version", "resource"})
