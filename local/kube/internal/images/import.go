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

// Runtime is a container runtime, by the path of its socket.
type Runtime struct{ Socket string }

// Outcome says what an import had to do.
type Outcome string

const (
	Imported Outcome = "imported"
	Present  Outcome = "present"
)

// Import gives the image of an OCI layout to the runtime, under its local tag. New pods use it; running ones keep what they have.
func (r Runtime) Import(dir string) (Outcome, error) {
	name := Repository(filepath.Base(dir))
	image := layout{dir: dir}
	described, _, err := image.manifest()
	if err != nil {
		return "", err
	}
	known, err := r.images()
	if err != nil {
		return "", err
	}
	before := known[name+":"+Tag]
	if before == described.Digest.String() {
		return Present, nil
	}
	if err := r.load(image, name); err != nil {
		return "", fmt.Errorf("failed to import %s: %w", name, err)
	}
	return Imported, r.forget(before)
}

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

// forget removes the runtime's own reference to an image that a new one has replaced, and with it, in time, its content.
func (r Runtime) forget(digest string) error {
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
			return nil // another tag still names it
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

// images maps each name that the runtime knows to its digest.
func (r Runtime) images() (map[string]string, error) {
	table, err := output(r.ctr("images", "ls"))
	if err != nil {
		return nil, fmt.Errorf("failed to list the runtime's images: %w", err)
	}
	known := map[string]string{}
	for line := range strings.Lines(table) {
		// REF TYPE DIGEST …, with a head line
		if fields := strings.Fields(line); len(fields) > 2 && strings.HasPrefix(fields[2], "sha256:") {
			known[fields[0]] = fields[2]
		}
	}
	return known, nil
}

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

func (r Runtime) ctr(args ...string) *exec.Cmd {
	return exec.Command("ctr", append([]string{"--address", r.Socket, "-n", "k8s.io"}, args...)...)
}

func run(command *exec.Cmd) error {
	_, err := output(command)
	return err
}

// output runs a command; an error carries what the command said.
func output(command *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// RuntimeOf reaches the runtime inside a unit through its first process's view of the file system.
func RuntimeOf(pid int, socket string) (Runtime, error) {
	path := fmt.Sprintf("/proc/%d/root%s", pid, socket)
	if _, err := os.Stat(path); err != nil {
		return Runtime{}, fmt.Errorf("failed to find the container runtime: %w", err)
	}
	return Runtime{Socket: path}, nil
}
