package launch

import "slices"

func sortedUnique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
