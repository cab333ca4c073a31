package http2_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSameAnswer compares what clients get from the same handlers, and what those are told.
func TestSameAnswer(t *testing.T) {
	for _, c := range sameAnswers {
		both := startPair(t, c.handler)
		for _, method := range []string{"GET", "HEAD", "POST"} {
			t.Run(c.name+" to "+method, func(t *testing.T) {
				ours, standard := both.exchange(t, func() *http.Request {
					var body io.Reader
					if method == "POST" {
						body = strings.NewReader("a body")
					}
					r, err := http.NewRequest(method, "https://localhost/a", body)
					if err != nil {
						t.Fatal(err)
					}
					r.Header.Set("X-Method", method)
					return r
				})
				differs := ""
				if strings.Contains(" "+c.differing+" ", " "+method+" ") {
					differs = c.why
				}
				compare(t, ours, standard, differs)
			})
		}
	}
}

func write(w io.Writer, seen *transcript, p string) {
	n, err := io.WriteString(w, p)
	seen.line("wrote %d, %v", n, err)
}

func status(code int, headers ...string) func(http.ResponseWriter, *http.Request, *transcript) {
	return func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		write(w, seen, "some text")
	}
}

func headers(headers ...string) func(http.ResponseWriter, *http.Request, *transcript) {
	return status(http.StatusOK, headers...)
}

func text(parts ...string) func(http.ResponseWriter, *http.Request, *transcript) {
	return func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		for _, part := range parts {
			write(w, seen, part)
		}
	}
}

var (
	much     = strings.Repeat("0123456789", 1000)
	swallows = "net/http tells a handler that HEAD takes no more than what is held back"
	refuses  = "net/http sends on what is more than the declared length"
)

var sameAnswers = []struct {
	name           string
	handler        func(http.ResponseWriter, *http.Request, *transcript)
	differing, why string // methods for which it differs
}{
	{"nothing", text(), "", ""},
	{"empty text", text(""), "", ""},
	{"text", text("some text"), "", ""},
	{"texts", text("some text", "", " and more"), "", ""},
	{"html", text("<html>", "<body>"), "", ""},
	{"much at once", text(much), "HEAD", swallows},
	{"much in parts", text(much[:10], much[10:4000], much[4000:8000], much[8000:]), "HEAD", swallows},
	{"a full buffer", text(much[:4096]), "", ""},
	{"a full buffer and more", text(much[:4096], "x"), "HEAD", swallows},
	{"very much", text(strings.Repeat(much, 100)), "HEAD", swallows},
	{"200", status(200), "", ""},
	{"201", status(201), "", ""},
	{"204", status(204), "", ""},
	{"204 with a length", status(204, "Content-Length", "0"), "", ""},
	{"205", status(205), "", ""},
	{"206", status(206), "", ""},
	{"301", status(301, "Location", "/b"), "", ""},
	{"304", status(304, "Etag", `"a"`, "Content-Type", "text/plain"), "", ""},
	{"304 with a length", status(304, "Content-Length", "9"), "", ""},
	{"404", status(404), "", ""},
	{"599", status(599), "", ""},
	{"999", status(999), "", ""},
	{"bad status", status(99), "", ""},
	{"status too high", status(1000), "", ""},
	{"length", headers("Content-Length", "9"), "", ""},
	{"length too long", headers("Content-Length", "10"), "GET POST", "net/http ends an answer that is too short as if it were complete"},
	{"length too short", headers("Content-Length", "8"), "GET HEAD POST", refuses},
	{"no length", headers("Content-Length", "0"), "GET HEAD POST", refuses},
	{"bad length", headers("Content-Length", "nine"), "", ""},
	{"negative length", headers("Content-Length", "-9"), "", ""},
	{"two lengths", headers("Content-Length", "9", "Content-Length", "9"), "", ""},
	{"type", headers("Content-Type", "a/b"), "", ""},
	{"encoded", headers("Content-Encoding", "zstd"), "", ""},
	{"cookies", headers("Set-Cookie", "a=b", "Set-Cookie", "c=d"), "", ""},
	{"connection", headers("Connection", "close"), "", ""},
	{"connection kept", headers("Connection", "keep-alive", "Keep-Alive", "5"), "", ""},
	{"hop by hop", headers("Transfer-Encoding", "chunked", "Upgrade", "a", "Proxy-Connection", "b"), "", ""},
	{"odd names", headers("x_ODD", "a", "bad name", "b", "", "c"), "", ""},
	{"odd values", headers("X-Odd", "a\nb", "X-Odd", "ü", "X-Odd", ""), "", ""},
	{"dated", headers("Date", "yesterday"), "", ""},
	{"many headers", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		for i := range 100 {
			w.Header().Set(fmt.Sprint("X-Header-", i), strings.Repeat("v", 1000))
		}
		write(w, seen, "some text")
	}, "", ""},
	{"no date, no type", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		w.Header()["Date"], w.Header()["Content-Type"] = nil, nil
		write(w, seen, "some text")
	}, "", ""},
	{"length of much", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		w.Header().Set("Content-Length", fmt.Sprint(len(much)))
		write(w, seen, much)
	}, "HEAD", swallows},
	{"headers after the status", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		w.Header().Set("X-A", "1")
		w.WriteHeader(201)
		w.Header().Set("X-A", "2")
		w.WriteHeader(202)
		write(w, seen, "text")
		w.Header().Set("X-B", "3")
	}, "", ""},
	{"flushed", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		control := http.NewResponseController(w)
		seen.line("flush: %v", control.Flush())
		write(w, seen, "some text")
		seen.line("flush: %v", control.Flush())
		w.(http.Flusher).Flush()
		write(w, seen, "more")
	}, "", ""},
	{"flushed after text", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		write(w, seen, "some text")
		seen.line("flush: %v", http.NewResponseController(w).Flush())
	}, "HEAD", swallows},
	{"flushed with a length", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		w.Header().Set("Content-Length", "9")
		seen.line("flush: %v", http.NewResponseController(w).Flush())
		write(w, seen, "some text")
	}, "HEAD", swallows},
	{"flushed 204", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		w.WriteHeader(204)
		seen.line("flush: %v", http.NewResponseController(w).Flush())
	}, "", ""},
	{"trailers", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		w.Header().Add("Trailer", "X-End, X-Unset")
		w.Header().Add("Trailer", "X-Other")
		w.Header().Add("Trailer", "Content-Length")
		write(w, seen, "some text")
		w.Header().Set("X-End", "there")
		w.Header().Add("X-Other", "a")
		w.Header().Add("X-Other", "b")
		w.Header().Set("X-Unannounced", "c")
		w.Header().Set(http.TrailerPrefix+"X-Late", "d")
	}, "", ""},
	{"trailers of nothing", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		w.Header().Set("Trailer", "X-End")
		w.WriteHeader(200)
		w.Header().Set("X-End", "there")
	}, "", ""},
	{"announced trailers that do not come", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		w.Header().Set("Trailer", "X-End")
		write(w, seen, "some text")
	}, "", ""},
	{"late trailers of nothing", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		w.Header().Set(http.TrailerPrefix+"X-Late", "d")
	}, "", ""},
	{"late trailers flushed", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		_ = http.NewResponseController(w).Flush()
		w.Header().Set(http.TrailerPrefix+"X-Late", "d")
	}, "", ""},
	{"informational", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		w.Header().Set("Link", "</a>")
		w.WriteHeader(103)
		w.Header().Set("Content-Length", "9")
		w.WriteHeader(102)
		w.Header().Del("Link")
		write(w, seen, "some text")
	}, "", ""},
	{"continue", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		w.WriteHeader(100)
		seen.body("request", r.Body)
	}, "", ""},
	{"echo", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		n, err := io.Copy(w, r.Body)
		seen.line("copied %d, %v", n, err)
	}, "", ""},
	{"echo in full duplex", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		seen.line("duplex: %v", http.NewResponseController(w).EnableFullDuplex())
		n, err := io.Copy(w, r.Body)
		seen.line("copied %d, %v", n, err)
	}, "", ""},
	{"body closed", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		seen.line("close: %v", r.Body.Close())
		seen.body("request", r.Body)
	}, "POST", "the error is that of HTTP/1"},
	{"body of too many bytes", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		seen.body("request", http.MaxBytesReader(w, r.Body, 3))
		http.Error(w, "too much", http.StatusRequestEntityTooLarge)
	}, "", ""},
	{"error", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		http.Error(w, "no", http.StatusForbidden)
	}, "", ""},
	{"redirect", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		http.Redirect(w, r, "/b", http.StatusFound)
	}, "", ""},
	{"content", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		http.ServeContent(w, r, "a.txt", time.Time{}, strings.NewReader(much))
	}, "", ""},
	{"range", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		r.Header.Set("Range", "bytes=5-8")
		http.ServeContent(w, r, "a.txt", time.Time{}, strings.NewReader(much))
	}, "", ""},
	{"copied", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		n, err := io.Copy(w, bytes.NewReader([]byte(much)))
		seen.line("copied %d, %v", n, err)
	}, "", ""},
	{"panic", func(http.ResponseWriter, *http.Request, *transcript) { panic("on purpose") }, "", ""},
	{"abort", func(http.ResponseWriter, *http.Request, *transcript) { panic(http.ErrAbortHandler) }, "", ""},
	{"abort after text", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		write(w, seen, "text")
		panic(http.ErrAbortHandler)
	}, "", ""},
	{"abort after a flush", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		write(w, seen, "text")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}, "", ""},
	{"timed out", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		http.TimeoutHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), time.Millisecond, "late").ServeHTTP(w, r)
	}, "", ""},
	{"what it can do", func(w http.ResponseWriter, r *http.Request, seen *transcript) {
		_, flusher := w.(http.Flusher)
		_, hijacker := w.(http.Hijacker)
		seen.line("flush %t hijack %t", flusher, hijacker)
		_, _, err := http.NewResponseController(w).Hijack()
		seen.line("hijacked %t", !errors.Is(err, http.ErrNotSupported))
	}, "", ""},
}
