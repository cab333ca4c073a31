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

// The contract: what one body of up to 3 MB may cost. The test allows for a
// machine that is busy with other things and for the client, which is in the
// same process; what it guards against is minutes and gigabytes.
const (
	mostProcessor = 500 * time.Millisecond
	mostMemory    = 256 << 20 // allocated in all, most of it garbage at once
)

func processorTime(t *testing.T) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
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

func TestAnyBodyIsCheap(t *testing.T) {
	space := "/api/v1/namespaces/" + namespace(t)
	maps, pods := space+"/configmaps", space+"/pods"
	do(t, "POST", maps, `{"metadata":{"name":"m"},"data":{"a":"`+strings.Repeat("x", 1000)+`"}}`)
	const jsonType, yamlType, protoType, cborType = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/cbor"
	typeMeta := nested(1, nested(1, "v1")+nested(2, "Pod"))
	protoPod := func(containers int) string {
		return "k8s\x00" + typeMeta + nested(2, nested(1, nested(1, "x"))+nested(2, strings.Repeat("\x12\x00", containers)))
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := byte('b'); c < 'i'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 9))
	}
	for _, tt := range []struct{ name, method, path, contentType, body string }{
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
	} {
		t.Run(tt.name, func(t *testing.T) {
			debug.FreeOSMemory()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := processorTime(t)
			got := do(t, tt.method, tt.path, tt.body, "Content-Type: "+tt.contentType)
			took := processorTime(t) - began
			runtime.ReadMemStats(&after)
			allocated := after.TotalAlloc - before.TotalAlloc
			if got.code >= 500 {
				t.Errorf("%d %.200s", got.code, got.raw)
			}
			if took > mostProcessor || allocated > mostMemory {
				t.Errorf("took %s of processor time and allocated %d MiB", took, allocated>>20)
			}
			t.Logf("%d after %s, %d MiB", got.code, took, allocated>>20)
		})
	}
}
