/**
 * Guards routes of Spring web applications: {@link dev.patwarden.spring.PatwardenFilter} lets a
 * request through when the bearer of its token may.
 */
package dev.patwarden.spring;
