package loop

import "github.com/nextbest/nextbest/learn"

// CompileCandidate compiles a file that might take the place of a loop's own, and may be called anything. Errors are those
// of CompileFile.
func CompileCandidate(loop, path string) (*learn.Definition, error) {
	s := find(path)
	if s.err != nil {
		return nil, s.err
	}
	return CompileCandidateText(loop, path, s.bytes)
}

// CompileCandidateText is CompileCandidate of a file that has been read; problems name path.
func CompileCandidateText(loop, path string, file []byte) (*learn.Definition, error) {
	return (&compiler{path: path, loop: loop}).compile(file)
}
