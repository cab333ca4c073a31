package pki

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile puts data into file whole or not at all, with the mode given,
// making the folders above it. A reader sees the old content or the new one.
func WriteFile(file string, data []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // in vain once it is renamed
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), file)
}

// ParseCertificate returns the first certificate in PEM data.
func ParseCertificate(data []byte) (*x509.Certificate, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errors.New("no PEM block of type CERTIFICATE")
}

// LoadKey reads a private key (PKCS #8, PKCS #1 or SEC 1, PEM) from file.
func LoadKey(file string) (crypto.Signer, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if key := parsePrivate(block); key != nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%s holds no private key in PEM form (RSA or ECDSA)", file)
}

// LoadPublicKeys reads every key in file. Certificates and private keys stand
// for their public halves, as in --service-account-key-file.
func LoadPublicKeys(file string) ([]crypto.PublicKey, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var keys []crypto.PublicKey
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if key := parsePrivate(block); key != nil {
			keys = append(keys, key.Public())
		} else if key, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
			keys = append(keys, key)
		} else if key, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
			keys = append(keys, key)
		} else if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			keys = append(keys, cert.PublicKey)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s holds no key in PEM form (RSA or ECDSA)", file)
	}
	return keys, nil
}

// EnsureServiceAccountKey reads dir/sa.key, the key that signs service account
// tokens, or makes it together with its public half dir/sa.pub. It is not made
// anew while it is there, since that would void every token.
func EnsureServiceAccountKey(dir string) (crypto.Signer, error) {
	file := filepath.Join(dir, "sa.key")
	key, err := LoadKey(file)
	if err == nil {
		return key, ensurePublic(dir, key)
	}
	if !missing(file) {
		return nil, err
	}
	made, err := newKey()
	if err != nil {
		return nil, err
	}
	data, err := encodeKey(made)
	if err != nil {
		return nil, err
	}
	if err := WriteFile(file, data, 0o600); err != nil {
		return nil, err
	}
	return made, ensurePublic(dir, made)
}

func ensurePublic(dir string, key crypto.Signer) error {
	file := filepath.Join(dir, "sa.pub")
	if !missing(file) {
		return nil
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644)
}

func parsePrivate(block *pem.Block) crypto.Signer {
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		signer, _ := key.(crypto.Signer)
		return signer
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key
	}
	return nil
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func writePair(certFile, keyFile string, der []byte, key crypto.Signer) error {
	data, err := encodeKey(key)
	if err != nil {
		return err
	}
	return errors.Join(WriteFile(keyFile, data, 0o600), WriteFile(certFile, encodeCertificate(der), 0o644))
}

func samePublicKey(a, b crypto.PublicKey) bool {
	comparable, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(b)
}

// keyOf reports whether key belongs to the certificate.
func keyOf(certPEM []byte, key crypto.Signer) bool {
	cert, err := ParseCertificate(certPEM)
	return err == nil && samePublicKey(cert.PublicKey, key.Public())
}

func missing(file string) bool {
	_, err := os.Stat(file)
	return errors.Is(err, fs.ErrNotExist)
}
