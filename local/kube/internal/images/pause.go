package images

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

//go:embed pause/pause.c
var pauseSource []byte

// WritePause builds the pause image, whose container every pod starts first, and writes it as an archive for the container runtime.
func WritePause(path string) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), "pause-")
	if err != nil {
		return fmt.Errorf("failed to create a directory for the pause image: %w", err)
	}
	defer os.RemoveAll(dir)
	program, err := compilePause(dir)
	if err != nil {
		return err
	}
	top, err := writeLayer(filepath.Join(dir, "layer.tar"), []entry{{source: program, target: "/pause", mode: 0o755}})
	if err != nil {
		return err
	}
	image, err := newLayout(filepath.Join(dir, "layout"))
	if err != nil {
		return err
	}
	if err := image.write(ocispec.ImageConfig{Entrypoint: []string{"/pause"}, User: "65535:65535"}, []layer{top}); err != nil {
		return err
	}
	archive, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("failed to create %s: %w", path, err)
	}
	defer archive.Close()
	return image.archive(archive, func(string) bool { return false })
}

// compilePause compiles the pause program and returns its path.
func compilePause(dir string) (string, error) {
	source, program := filepath.Join(dir, "pause.c"), filepath.Join(dir, "pause")
	if err := os.WriteFile(source, pauseSource, 0o600); err != nil {
		return "", fmt.Errorf("failed to write %s: %w", source, err)
	}
	if output, err := exec.Command("musl-gcc", "-static", "-Os", "-s", "-o", program, source).CombinedOutput(); err != nil {
		return "", fmt.Errorf("failed to compile the pause program: %w: %s", err, output)
	}
	return program, nil
}
