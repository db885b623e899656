package inbound

import (
	"errors"
	"fmt"
	"strings"
)

// Secrets returns what the webhook file names: environment variables and files.
type Secrets struct {
	Env  func(name string) (string, bool)
	File func(path string) ([]byte, error)
}

// secretConfig names a secret: exactly one of its keys. The secret itself never stands in the file.
type secretConfig struct {
	Env  string `yaml:"secret_env"`
	File string `yaml:"secret_file"`
}

func (s *secretConfig) check() error {
	if (s.Env == "") == (s.File == "") {
		return errors.New("give secret_env or secret_file: the secret itself does not belong into the file")
	}
	return nil
}

// resolve returns the secret, without the line end that editors leave.
func (s *secretConfig) resolve(from Secrets) ([]byte, error) {
	text, err := resolve(from, s.Env, s.File)
	return []byte(text), err
}

func resolve(from Secrets, env, file string) (string, error) {
	if env != "" {
		text, ok := from.Env(env)
		if !ok || text == "" {
			return "", fmt.Errorf("the environment variable %s is not set", env)
		}
		return text, nil
	}
	b, err := from.File(file)
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	text := strings.TrimRight(string(b), "\r\n")
	if text == "" {
		return "", fmt.Errorf("the file %s is empty", file)
	}
	return text, nil
}
