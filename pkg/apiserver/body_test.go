package apiserver

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mostMemory is what one body of up to 3 MB may make the server allocate in all,
// most of it garbage at once, under the race detector, for which nothing is pooled.
// Without it the benchmark wants an eighth.
const mostMemory = 512 << 20

func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

const large = 3<<20 - 1000

// fill repeats unit between head and tail up to size bytes.
func fill(head, unit, tail string, size int) string {
	return head + strings.Repeat(unit, (size-len(head)-len(tail))/len(unit)) + tail
}

// entries is fill with a number in each unit.
func entries(head, unit, tail string, size int) string {
	out := bytes.NewBufferString(head)
	for i := 0; out.Len() < size-len(tail); i++ {
		fmt.Fprintf(out, unit, i)
	}
	return out.String() + tail
}

// nested is a protobuf field of bytes.
func nested(number byte, value string) string {
	out, n := []byte{number<<3 | 2}, len(value)
	for ; n >= 0x80; n >>= 7 {
		out = append(out, byte(n)|0x80)
	}
	return string(append(out, byte(n))) + value
}

// heavyBody is a request whose body is made to cost much.
type heavyBody struct{ name, method, path, contentType, body string }

// heavyBodies makes them for a namespace that has the config map m.
func heavyBodies(space string) []heavyBody {
	maps, pods := space+"/configmaps", space+"/pods"
	const jsonType, yamlType, protoType, cborType = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/cbor"
	typeMeta := nested(1, nested(1, "v1")+nested(2, "Pod"))
	protoPod := func(containers int) string {
		return "k8s\x00" + typeMeta + nested(2, nested(1, nested(1, "x"))+nested(2, strings.Repeat("\x12\x00", containers)))
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := byte('b'); c < 'i'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 9))
	}
	return []heavyBody{
		{"a long text", "POST", maps, jsonType, fill(`{"data":{"a":"`, "x", `"}}`, large)},
		{"many keys", "POST", maps, jsonType, entries(`{"data":{"x":""`, `,"%d":""`, `}}`, large)},
		{"as many keys as may be", "POST", maps, jsonType, entries(`{"data":{"x":""`, `,"%d":""`, `}}`, 190000)},
		{"many unknown fields", "POST", maps, jsonType, entries(`{"x":""`, `,"%d":""`, `}`, 190000)},
		{"deep arrays", "POST", maps, jsonType, strings.Repeat("[", large)},
		{"deep objects", "POST", maps, jsonType, strings.Repeat(`{"a":`, 19000)},
		{"many containers", "POST", pods, jsonType, fill(`{"spec":{"containers":[{}`, ",{}", `]}}`, large)},
		{"as many containers as may be", "POST", pods, jsonType, fill(`{"metadata":{"name":"x"},"spec":{"containers":[{}`, ",{}", `]}}`, 29000)},
		{"as many finalizers", "POST", pods, jsonType, fill(`{"metadata":{"name":"x","finalizers":[""`, `,""`, `]}}`, 59000)},
		{"as many managed fields", "POST", maps, jsonType, entries(`{"metadata":{"name":"x","managedFields":[{"manager":"a","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:x":{}`, `,"f:%d":{}`, `}}}]}}`, 140000)},
		{"YAML, a long text", "POST", maps, yamlType, fill("data: {a: ", "x ", "}", large)},
		{"YAML, many lines", "POST", maps, yamlType, entries("data:\n", "  k%d: a\n", "", large)},
		{"YAML, deep", "POST", maps, yamlType, strings.Repeat("- ", large/2)},
		{"YAML, aliases", "POST", maps, yamlType, bomb},
		{"YAML, aliases of a long text", "POST", maps, yamlType, "a: &a " + strings.Repeat("x", 400000) + "\nb: [" + strings.Repeat("*a,", 10000) + "]"},
		{"protobuf, zeros", "POST", pods, protoType, "k8s\x00" + strings.Repeat("\x00", large)},
		{"protobuf, many containers", "POST", pods, protoType, protoPod(large / 2)},
		{"protobuf, as many as may be", "POST", pods, protoType, protoPod(9000)},
		{"CBOR, deep", "POST", maps, cborType, strings.Repeat("\x81", large)},
		{"CBOR, a length that is not there", "POST", maps, cborType, "\x9b\x00\x00\x00\x7f\xff\xff\xff\xff"},
		{"CBOR, many containers", "POST", pods, cborType, "\xa1\x44spec\xa1\x4acontainers\x9a\x00\x2f\x00\x00" + strings.Repeat("\xa0", 0x2f0000)},
		{"CBOR, as many as may be", "POST", pods, cborType, "\xa1\x44spec\xa1\x4acontainers\x99\x3f\xff" + strings.Repeat("\xa0", 0x3fff)},
		{"JSON patch, many operations", "PATCH", maps + "/m", "application/json-patch+json", fill(`[{}`, ",{}", `]`, large)},
		{"JSON patch, as many as may be", "PATCH", maps + "/m", "application/json-patch+json", `[` + strings.Repeat(`{"op":"test","path":"/metadata/name","value":"m"},`, 9999) + `{"op":"test","path":"/metadata/name","value":"m"}]`},
		{"JSON patch, copies of copies", "PATCH", maps + "/m", "application/json-patch+json", `[` + strings.Repeat(`{"op":"copy","from":"/data","path":"/data/a"},{"op":"copy","from":"/data/a","path":"/data/b"},`, 40) + `{"op":"remove","path":"/data/a"}]`},
		{"merge patch, many keys", "PATCH", maps + "/m", "application/merge-patch+json", entries(`{"data":{"x":""`, `,"%d":""`, `}}`, large)},
		{"strategic patch", "PATCH", maps + "/m", "application/strategic-merge-patch+json", fill(`{"metadata":{"finalizers":[""`, `,""`, `]}}`, 58000)},
		{"apply, a long text", "PATCH", maps + "/n?fieldManager=m", "application/apply-patch+yaml", fill(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"n"},"data":{"a":"`, "x", `"}}`, 1<<20-1000)},
		{"apply, aliases", "PATCH", maps + "/n?fieldManager=m", "application/apply-patch+yaml", bomb},
		{"delete options", "DELETE", maps + "/m", jsonType, fill(`{"dryRun":[""`, `,""`, `]}`, large)},
	}
}

// cost is what a body takes of the server's processor and memory.
func (b heavyBody) cost(tb testing.TB, client *sender) (code int, took time.Duration, allocated uint64) {
	tb.Helper()
	client.put(tb, b.body)
	debug.FreeOSMemory()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := processorTime(tb)
	code = client.send(tb, b.method, b.path, b.contentType)
	took = processorTime(tb) - began
	runtime.ReadMemStats(&after)
	return code, took, after.TotalAlloc - before.TotalAlloc
}

func heavySpace(tb testing.TB) string {
	tb.Helper()
	space := "/api/v1/namespaces/" + namespace(tb)
	do(tb, "POST", space+"/configmaps", `{"metadata":{"name":"m"},"data":{"a":"`+strings.Repeat("x", 1000)+`"}}`)
	return space
}

// TestAnyBodyIsAnswered: none makes the server fail or use memory without bound.
func TestAnyBodyIsAnswered(t *testing.T) {
	client := newSender(t)
	for _, b := range heavyBodies(heavySpace(t)) {
		t.Run(b.name, func(t *testing.T) {
			if code, took, allocated := b.cost(t, client); code >= 500 || allocated > mostMemory {
				t.Errorf("%d after %s of processor time and %d MiB", code, took, allocated>>20)
			}
		})
	}
}

// BenchmarkBodies prints what the dearest bodies cost.
func BenchmarkBodies(b *testing.B) {
	var worst time.Duration
	var most uint64
	var slowest, largest string
	client := newSender(b)
	for range b.N {
		for _, body := range heavyBodies(heavySpace(b)) {
			_, took, allocated := body.cost(b, client)
			if took > worst {
				worst, slowest = took, body.name
			}
			if allocated > most {
				most, largest = allocated, body.name
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(worst.Milliseconds()), "worst-cpu-ms")
	b.ReportMetric(float64(most>>20), "worst-MiB")
	fmt.Printf("a body of 3 MB costs at most %d ms of processor time (%s; wanted: 100 ms) and allocates at most %d MiB (%s; wanted: 64 MiB)\n",
		worst.Milliseconds(), slowest, most>>20, largest)
}

// TestLargeDefinition: the schema of a big operator is a megabyte of 40,000 values,
// more than any other object may have.
func TestLargeDefinition(t *testing.T) {
	field := entries(`{"type":"object","properties":{"f":{"type":"string"}`, `,"f%d":{"type":"string","description":"what the operator does with it, in a sentence or two, as generators write it"}`, `}}`, 1200)
	schema := entries(`{"type":"object","properties":{"p":{"type":"string"}`, `,"p%d":`+strings.ReplaceAll(field, "%", "%%"), `}}`, 1<<20)
	body := func(name string) string {
		return fmt.Sprintf(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"%[1]ss.large.example.com"},"spec":{"group":"large.example.com","scope":"Namespaced",
			"names":{"plural":"%[1]ss","kind":%[1]q},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":%[2]s}}]}}`, name, schema)
	}
	const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	got := do(t, "POST", definitions, body("sent"))
	if got.code != 201 {
		t.Errorf("sent: %d %.300s", got.code, got.raw)
	}
	got = do(t, "PATCH", definitions+"/applieds.large.example.com?fieldManager=m", body("applied"), "Content-Type: application/apply-patch+yaml")
	if got.code != 201 {
		t.Errorf("applied: %d %.300s", got.code, got.raw)
	}
	for _, name := range []string{"sents", "applieds"} {
		do(t, "DELETE", definitions+"/"+name+".large.example.com", "")
	}
}

// TestRoomForOwners: an object that is too large with its managed fields is stored
// without them, and one that is applied is not.
func TestRoomForOwners(t *testing.T) {
	revisions := "/apis/apps/v1/namespaces/" + namespace(t) + "/controllerrevisions"
	annotations := entries(`{"k":""`, `,"k%05d":""`, `}`, 100000)
	body := func(name, text string) string {
		return fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"ControllerRevision","metadata":{"name":%q,"annotations":%s},"revision":1,"data":{"x":%q}}`, name, annotations, text)
	}
	text := strings.Repeat("x", 1420000)
	got := do(t, "POST", revisions, body("made", text))
	if got.code != 201 || got.at("metadata.managedFields") != nil {
		t.Errorf("made: %d %.200s", got.code, got.raw)
	}
	got = do(t, "PATCH", revisions+"/made", `{"metadata":{"labels":{"a":"b"}}}`, "Content-Type: application/merge-patch+json")
	if got.code != 200 || got.at("metadata.labels.a") != "b" {
		t.Errorf("changed: %d %.200s", got.code, got.raw)
	}
	got = do(t, "PATCH", revisions+"/applied?fieldManager=m", body("applied", text), "Content-Type: application/apply-patch+yaml")
	if got.code != 500 || got.at("message") != "etcdserver: request is too large" {
		t.Errorf("applied: %d %.200s", got.code, got.raw)
	}
}
