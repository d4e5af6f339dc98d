/**
 * Guards routes of Spring web applications: {@link dev.patwarden.spring.PatwardenFilter} allows
 * only permitted requests.
 */
package dev.patwarden.spring;
