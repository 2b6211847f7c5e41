package images

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Runtime is a container runtime with its socket.
type Runtime struct{ Socket string }

// Outcome is the result of an import.
type Outcome string

const (
	// Imported means that the image was imported.
	Imported Outcome = "imported"
	// Present means that the runtime already had the image.
	Present Outcome = "present"
)

// Import imports the image of an OCI layout with its local tag. New pods use it; running pods are not affected.
func (r Runtime) Import(dir string) (Outcome, error) {
	name := Repository(filepath.Base(dir))
	image := layout{dir: dir}
	descriptor, _, err := image.manifest()
	if err != nil {
		return "", err
	}
	known, err := r.images()
	if err != nil {
		return "", err
	}
	previous := known[name+":"+Tag]
	if previous == descriptor.Digest.String() {
		return Present, nil
	}
	if err := r.load(image, name); err != nil {
		return "", fmt.Errorf("failed to import %s: %w", name, err)
	}
	return Imported, r.removeReplaced(previous)
}

// load streams the image to the runtime.
func (r Runtime) load(image layout, name string) error {
	blobs, err := r.blobs()
	if err != nil {
		return err
	}
	reader, writer := io.Pipe()
	go func() {
		writer.CloseWithError(image.archive(writer, func(digest string) bool { return blobs[digest] }))
	}()
	command := r.ctr("images", "import", "--base-name", name, "-")
	command.Stdin = reader
	return run(command)
}

// removeReplaced removes the runtime's reference to an image that was replaced. The runtime then collects its content.
func (r Runtime) removeReplaced(digest string) error {
	known, err := r.images()
	if err != nil || digest == "" {
		return err
	}
	var stale []string
	for name, target := range known {
		if target != digest {
			continue
		}
		if !strings.HasPrefix(name, "sha256:") {
			return nil // another tag still refers to it
		}
		stale = append(stale, name)
	}
	for _, name := range stale {
		if err := run(r.ctr("images", "rm", name)); err != nil {
			return fmt.Errorf("failed to remove the replaced image %s: %w", name, err)
		}
	}
	return nil
}

// images returns the digests of the runtime's images by name.
func (r Runtime) images() (map[string]string, error) {
	table, err := output(r.ctr("images", "ls"))
	if err != nil {
		return nil, fmt.Errorf("failed to list the runtime's images: %w", err)
	}
	known := map[string]string{}
	for line := range strings.Lines(table) {
		// The columns are REF TYPE DIGEST …, below a header.
		if fields := strings.Fields(line); len(fields) > 2 && strings.HasPrefix(fields[2], "sha256:") {
			known[fields[0]] = fields[2]
		}
	}
	return known, nil
}

// blobs returns the digests of the runtime's content.
func (r Runtime) blobs() (map[string]bool, error) {
	list, err := output(r.ctr("content", "ls", "-q"))
	if err != nil {
		return nil, fmt.Errorf("failed to list the runtime's content: %w", err)
	}
	known := map[string]bool{}
	for digest := range strings.FieldsSeq(list) {
		known[digest] = true
	}
	return known, nil
}

// ctr returns a command of the containerd client.
func (r Runtime) ctr(args ...string) *exec.Cmd {
	return exec.Command("ctr", append([]string{"--address", r.Socket, "-n", "k8s.io"}, args...)...)
}

// run runs a command and discards its output.
func run(command *exec.Cmd) error {
	_, err := output(command)
	return err
}

// output runs a command and returns its standard output. An error includes the standard error.
func output(command *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// RuntimeOfUnit returns the runtime inside a unit. Its socket is accessible through the file system of the unit's first process.
func RuntimeOfUnit(pid int, socket string) (Runtime, error) {
	path := fmt.Sprintf("/proc/%d/root%s", pid, socket)
	if _, err := os.Stat(path); err != nil {
		return Runtime{}, fmt.Errorf("failed to find the container runtime: %w", err)
	}
	return Runtime{Socket: path}, nil
}
