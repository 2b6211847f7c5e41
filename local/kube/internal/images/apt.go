package images

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// debian is the host's release and where the host gets its packages from: mirrors and proxies are the host's business.
type debian struct {
	codename string
	sources  []string // one-line form
}

const aptDir = "/etc/apt"

func hostDebian() (debian, error) {
	codename, err := hostCodename("/etc/os-release")
	if err != nil {
		return debian{}, err
	}
	files, _ := filepath.Glob(aptDir + "/sources.list.d/*") // the pattern is well formed
	host := debian{codename: codename}
	for _, path := range append([]string{aptDir + "/sources.list"}, files...) {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // sources.list need not exist
		}
		switch filepath.Ext(path) {
		case ".list":
			host.sources = append(host.sources, fromLines(string(data), codename)...)
		case ".sources":
			host.sources = append(host.sources, fromStanzas(string(data), codename)...)
		}
	}
	if len(host.sources) == 0 {
		return debian{}, fmt.Errorf("failed to find an apt source for %s in %s", codename, aptDir)
	}
	return host, nil
}

func hostCodename(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("failed to read %s: %w", path, err)
	}
	for line := range strings.Lines(string(data)) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); found {
			return strings.Trim(value, `"`), nil
		}
	}
	return "", fmt.Errorf("failed to find VERSION_CODENAME in %s", path)
}

// ownSuite keeps third parties out: their packages have no place in the images.
func ownSuite(suite, codename string) bool {
	return slices.Contains([]string{codename, codename + "-updates", codename + "-security"}, suite)
}

// fromLines picks from the classic format: deb [options] uri suite component…
func fromLines(text, codename string) []string {
	var found []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		rest, isDeb := strings.CutPrefix(line, "deb ")
		if _, behind, hasOptions := strings.Cut(rest, "]"); hasOptions {
			rest = behind
		}
		fields := strings.Fields(rest)
		if isDeb && len(fields) >= 3 && ownSuite(fields[1], codename) && slices.Contains(fields[2:], "main") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// fromStanzas picks from the deb822 format: stanzas of fields, with an empty line between them.
func fromStanzas(text, codename string) []string {
	var found []string
	for stanza := range strings.SplitSeq(text, "\n\n") {
		fields := stanzaFields(stanza)
		if !slices.Contains(strings.Fields(fields["types"]), "deb") || !slices.Contains(strings.Fields(fields["components"]), "main") {
			continue
		}
		options := ""
		if key := strings.TrimSpace(fields["signed-by"]); filepath.IsAbs(key) {
			options = "[signed-by=" + key + "] "
		}
		for uri := range strings.FieldsSeq(fields["uris"]) {
			for suite := range strings.FieldsSeq(fields["suites"]) {
				if ownSuite(suite, codename) {
					found = append(found, "deb "+options+uri+" "+suite+" main")
				}
			}
		}
	}
	return found
}

func stanzaFields(stanza string) map[string]string {
	fields := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(stanza))
	for lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), ":")
		if found && !strings.HasPrefix(name, "#") {
			fields[strings.ToLower(name)] = value
		}
	}
	return fields
}
