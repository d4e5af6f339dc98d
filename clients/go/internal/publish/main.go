// Publish makes the zip file of a module as the module proxy would, checks it, and unpacks it:
//
//	go run . MODULE_FOLDER VERSION NEW_FOLDER
package main

import (
	"log"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: publish MODULE_FOLDER VERSION NEW_FOLDER")
	}
	if err := publish(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func publish(folder, version, target string) error {
	text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return err
	}
	published := module.Version{Path: modfile.ModulePath(text), Version: version}
	file, err := os.CreateTemp("", "module-*.zip")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err := zip.CreateFromDir(file, published, folder); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	checked, err := zip.CheckZip(published, file.Name())
	if err != nil {
		return err
	}
	if err := checked.Err(); err != nil {
		return err
	}
	return zip.Unzip(target, published, file.Name())
}
