package learn

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nextbest/nextbest/eventlog"
)

// A checkpoint file is the fold's state up to a position, NEXT.ckpt in twenty digits:
//
//	8 bytes   magic "nbckpt\r\n"
//	4 bytes   version, big-endian
//	32 bytes  SHA-256 of what follows
//	          the state (state.go)
//
// Files of another version are not read: the log is folded instead. The same log gives the same bytes.
const (
	checkpointMagic   = "nbckpt\r\n"
	checkpointVersion = 5
	checkpointSuffix  = ".ckpt"
	checkpointsKept   = 2
	headerBytes       = len(checkpointMagic) + 4 + sha256.Size
)

// sealCheckpoint makes a file of the state that follows the first headerBytes of b.
func sealCheckpoint(b []byte) {
	copy(b, checkpointMagic)
	binary.BigEndian.PutUint32(b[len(checkpointMagic):], checkpointVersion)
	sum := sha256.Sum256(b[headerBytes:])
	copy(b[len(checkpointMagic)+4:], sum[:])
}

// openCheckpoint returns the state in a file's bytes, or why they are refused.
func openCheckpoint(b []byte) ([]byte, error) {
	if len(b) < headerBytes || !bytes.HasPrefix(b, []byte(checkpointMagic)) {
		return nil, errors.New("not a checkpoint")
	}
	if v := binary.BigEndian.Uint32(b[len(checkpointMagic):]); v != checkpointVersion {
		return nil, fmt.Errorf("version %d, this program reads %d", v, checkpointVersion)
	}
	sum := sha256.Sum256(b[headerBytes:])
	if !bytes.Equal(sum[:], b[len(checkpointMagic)+4:headerBytes]) {
		return nil, errors.New("checksum does not match: damaged")
	}
	return b[headerBytes:], nil
}

func checkpointName(next eventlog.Position) string {
	return fmt.Sprintf("%020d%s", next, checkpointSuffix)
}

// writeCheckpoint makes the file appear whole or not at all, even if the power fails, then drops the oldest.
func writeCheckpoint(dir string, next eventlog.Position, b []byte) error {
	path := filepath.Join(dir, checkpointName(next))
	if err := writeSynced(path+".tmp", b); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	old, err := checkpoints(dir)
	if err != nil {
		return err
	}
	for _, c := range old[:max(0, len(old)-checkpointsKept)] {
		if err := os.Remove(filepath.Join(dir, checkpointName(c))); err != nil {
			return fmt.Errorf("drop old checkpoint: %w", err)
		}
	}
	return nil
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// checkpoints returns the positions of the files in dir, ascending.
func checkpoints(dir string) ([]eventlog.Position, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list checkpoints: %w", err)
	}
	var found []eventlog.Position
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), checkpointSuffix)
		if !ok || len(name) != 20 {
			continue
		}
		if n, err := strconv.ParseUint(name, 10, 64); err == nil {
			found = append(found, eventlog.Position(n))
		}
	}
	slices.Sort(found)
	return found, nil
}
