// A receiver of Lanewatch's alerts in Go, with the official Standard Webhooks library.
//
//	SECRET=whsec_... go run .       # signatures by the subscription's secret
//	PUBLIC_KEY=whpk_... go run .    # signatures by the tenant's key (ed25519)
//
// The library checks the age of an alert and its `v1` signature. It passes over `v1a`, which verifyEd25519 checks.
package main

import (
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const tolerance = 5 * time.Minute

var (
	secret    = os.Getenv("SECRET")
	publicKey = os.Getenv("PUBLIC_KEY")
	// Kept where it outlives the program, if an alert must never count twice.
	seen sync.Map
)

func verifyEd25519(body []byte, headers http.Header, publicKey string) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(publicKey, "whpk_"))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return errors.New("PUBLIC_KEY is no ed25519 key")
	}
	timestamp := headers.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > tolerance {
		return errors.New("message timestamp too old or too new")
	}
	said := append([]byte(headers.Get("webhook-id")+"."+timestamp+"."), body...)
	for _, signature := range strings.Split(headers.Get("webhook-signature"), " ") {
		kind, text, _ := strings.Cut(signature, ",")
		given, err := base64.StdEncoding.DecodeString(text)
		if kind == "v1a" && err == nil && ed25519.Verify(key, said, given) {
			return nil
		}
	}
	return errors.New("no matching signature found")
}

func verify(body []byte, headers http.Header) error {
	if secret == "" {
		return verifyEd25519(body, headers, publicKey)
	}
	webhook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return err
	}
	return webhook.Verify(body, headers)
}

func take(body []byte, headers http.Header) (int, string) {
	if err := verify(body, headers); err != nil {
		return http.StatusBadRequest, "refused: " + err.Error()
	}
	// A retry carries the same id, and so does a replay. Both are answered as taken and counted once.
	if _, before := seen.LoadOrStore(headers.Get("webhook-id"), true); before {
		return http.StatusOK, "seen before"
	}
	var alert struct {
		Type string
		Data struct{ Challenge string }
	}
	if err := json.Unmarshal(body, &alert); err != nil {
		return http.StatusBadRequest, "refused: " + err.Error()
	}
	if alert.Type == "lanewatch.endpoint.verification" {
		// The handshake: what is asked to be echoed shows that this endpoint wants to be sent to.
		return http.StatusOK, alert.Data.Challenge
	}
	return http.StatusOK, "taken: " + alert.Type
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "8010"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		status, said := take(body, r.Header)
		fmt.Println(said)
		w.WriteHeader(status)
		fmt.Fprint(w, said)
	})))
}
