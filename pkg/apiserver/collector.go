package apiserver

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"slowmo/pkg/api"
	"slowmo/pkg/storage"
)

var (
	objectsDesc = prometheus.NewDesc("apiserver_resource_objects", "Objects that are stored.", []string{"group", "resource"}, nil)
	sizeDesc    = prometheus.NewDesc("apiserver_storage_size_bytes", "Size of the database.", []string{"storage_cluster_id"}, nil)
)

// storeCollector reads, when it is asked, what a store holds. Each server has
// its own, because each has its own store.
type storeCollector struct {
	resources []*api.Resource
	store     *storage.Store
	size      func(ctx context.Context) (int64, error) // nil: not known
}

// Describe names the metrics.
func (c *storeCollector) Describe(to chan<- *prometheus.Desc) {
	to <- objectsDesc
	to <- sizeDesc
}

// Collect sends the present values.
func (c *storeCollector) Collect(to chan<- prometheus.Metric) {
	for _, r := range c.resources {
		if collection := c.store.Collection(r); collection != nil {
			to <- prometheus.MustNewConstMetric(objectsDesc, prometheus.GaugeValue, float64(collection.Len()), r.Group, r.Plural)
		}
	}
	if c.size == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	size, err := c.size(ctx)
	if err != nil {
		slog.Debug("the size of the database is not known", "error", err)
		return
	}
	to <- prometheus.MustNewConstMetric(sizeDesc, prometheus.GaugeValue, float64(size), "etcd-0")
}
